/**
 * One camera's live picture: WebSocket → MediaSource → video element. The decisions are in `pure/live-policy`; here is
 * only what carries them out.
 */

import { shallowReactive } from 'vue'
import { liveAddress } from '@/api/client'
import type { Bilingual, LiveMessage, PictureSize } from '@/api/types'
import { instant } from '@/pure/beijing-time'
import type { PictureFacts, TimeAnchor } from '@/pure/live-policy'
import type { FrameStamp, LivePicture } from '@/pure/stamp-overlay'
import { livePictureAt } from '@/pure/stamp-overlay'
import { deafLimitMs, liveMove, reconnectDelayMs, shownCaptureMs } from '@/pure/live-policy'

/** How often the policy is applied between fragments. */
const BEAT_MS = 200
const KEPT_ANCHORS = 100
/** Pictures whose times are kept: ten seconds and more, far more than a live player lags. */
const KEPT_PICTURES = 500

/** What the page may read of a player; renewed in place. */
export interface PlayerState {
  connected: boolean
  /** The server's words while the camera has sent nothing. */
  waiting: Bilingual | null
  /** MIME type that this browser cannot play. */
  unsupported: string | null
  /** Fragments that the server left out because this viewer lagged. */
  skipped: number
  /** Which picture the server sends; the full one where there is no wall picture. */
  picture: PictureSize
}

export class LivePlayer {
  /** Pictures are due: the camera is measured as recording. */
  due = false
  readonly state: PlayerState = shallowReactive({ connected: false, waiting: null, unsupported: null, skipped: 0, picture: 'full' })
  private socket: WebSocket | null = null
  private media: MediaSource | null = null
  private url: string | null = null
  private buffer: SourceBuffer | null = null
  private queue: BufferSource[] = []
  private anchors: TimeAnchor[] = []
  private pictures: LivePicture[] = []
  private lastFrameMs: number | null = null
  /** When the picture asked for began to come. */
  private begunMs = Infinity
  private openedMs = performance.now()
  private heardMs = performance.now()
  private attempt = 0
  /** Reconnections after silence since the last fragment. */
  private fruitless = 0
  private retry: ReturnType<typeof setTimeout> | undefined
  private readonly beat: ReturnType<typeof setInterval>
  private closed = false

  constructor(private readonly video: HTMLVideoElement, private readonly camera: string, private asked: PictureSize = 'full') {
    video.addEventListener('error', this.restart)
    this.watchFrames()
    this.beat = setInterval(() => this.keepUp(), BEAT_MS)
    this.connect()
  }

  /** Asks for the other picture of the camera; the last one stays until the first of it. */
  ask(picture: PictureSize) {
    if (this.closed || this.asked === picture) return
    this.asked = picture
    clearTimeout(this.retry)
    this.attempt = 0
    this.begunMs = Infinity
    this.dropSocket()
    this.connect()
  }

  /** Waits until the picture asked for is on the screen; false when it is not within `limitMs`. */
  async showsAsked(limitMs: number): Promise<boolean> {
    const end = performance.now() + limitMs
    while (!this.closed && !((this.lastFrameMs ?? 0) > this.begunMs)) {
      if (performance.now() > end) return false
      await new Promise((done) => setTimeout(done, 50))
    }
    return !this.closed
  }

  /** What is known about the picture at this moment. */
  facts(nowMs: number): PictureFacts {
    return {
      nowMs,
      openedMs: this.openedMs,
      lastFrameMs: this.lastFrameMs,
      connected: this.state.connected,
      waiting: this.state.waiting !== null,
      unsupported: this.state.unsupported !== null,
    }
  }

  /** When the picture now shown was taken. */
  shownMs(): number | null {
    return this.lastFrameMs === null ? null : shownCaptureMs(this.anchors, this.video.currentTime)
  }

  /** What belongs to the picture presented at a media time: when it was taken, and whether it carries the stamp. */
  readonly frameAt = (mediaSeconds: number): FrameStamp | null => livePictureAt(this.pictures, mediaSeconds)

  close() {
    this.closed = true
    clearTimeout(this.retry)
    clearInterval(this.beat)
    this.video.removeEventListener('error', this.restart)
    this.dropSocket()
    this.dropMedia()
  }

  private connect() {
    this.heardMs = performance.now()
    // Only a view that asks for the wall picture is told which one it gets.
    this.state.picture = 'full'
    const socket = new WebSocket(liveAddress(this.camera, this.asked))
    this.socket = socket
    socket.binaryType = 'arraybuffer'
    let expected: 'media' | 'nothing' = 'nothing'
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => {
      this.heardMs = performance.now()
      if (typeof event.data !== 'string') {
        if (expected === 'media' && this.state.unsupported === null) this.append(event.data)
        expected = 'nothing'
        return
      }
      const message = JSON.parse(event.data) as LiveMessage
      if (message.type === 'format' || message.type === 'fragment') expected = 'media'
      this.take(message)
    }
    socket.onopen = () => {
      this.state.connected = true
    }
    socket.onclose = () => {
      if (this.socket === socket) this.comeBack()
    }
  }

  private take(message: LiveMessage) {
    switch (message.type) {
      case 'format':
        this.attempt = 0
        this.state.waiting = null
        this.start(message.mime)
        break
      case 'fragment':
        this.state.waiting = null
        this.fruitless = 0
        this.anchors.push({ captureMs: instant(message.capture), mediaSeconds: message.media_seconds })
        if (this.anchors.length > KEPT_ANCHORS) this.anchors.shift()
        if (message.stamped !== undefined) {
          this.pictures.push({ captureMs: instant(message.capture), mediaSeconds: message.media_seconds, stamped: message.stamped })
          if (this.pictures.length > KEPT_PICTURES) this.pictures.shift()
        }
        break
      case 'waiting':
        this.state.waiting = { zh: message.zh, en: message.en }
        break
      case 'picture':
        this.state.picture = message.picture
        break
      case 'skipped':
        this.state.skipped += message.count
        break
    }
  }

  /** Opens a new source of media for a new format. The last picture stays until the first new one. */
  private start(mime: string) {
    this.dropMedia()
    this.begunMs = performance.now()
    if (!MediaSource.isTypeSupported(mime)) {
      this.state.unsupported = mime
      return
    }
    this.state.unsupported = null
    const media = new MediaSource()
    this.media = media
    this.url = URL.createObjectURL(media)
    media.addEventListener('sourceopen', () => {
      if (this.media !== media) return
      try {
        this.buffer = media.addSourceBuffer(mime)
      } catch {
        this.restart()
        return
      }
      this.buffer.addEventListener('updateend', () => {
        this.feed()
        this.keepUp()
      })
      this.buffer.addEventListener('error', this.restart)
      this.feed()
    }, { once: true })
    this.video.src = this.url
  }

  private append(bytes: ArrayBuffer) {
    this.queue.push(bytes)
    this.feed()
  }

  /** Hands everything that waits to the browser in one call. */
  private feed() {
    const buffer = this.buffer
    if (!buffer || buffer.updating || this.queue.length === 0 || this.media?.readyState !== 'open') return
    const waiting = this.queue.splice(0)
    try {
      buffer.appendBuffer(waiting.length === 1 ? waiting[0]! : joined(waiting as ArrayBuffer[]))
    } catch (e) {
      if (e instanceof DOMException && e.name === 'QuotaExceededError' && this.video.currentTime > 2) {
        this.queue.unshift(...waiting)
        buffer.remove(0, this.video.currentTime - 1)
      } else this.restart()
    }
  }

  private keepUp() {
    if (this.state.connected && performance.now() - this.heardMs > deafLimitMs(this.due, this.fruitless)) {
      this.fruitless += 1
      return this.restart()
    }
    const { buffer, video } = this
    if (!buffer || this.media?.readyState !== 'open') return
    const ranges = Array.from({ length: buffer.buffered.length }, (_, i) => ({ start: buffer.buffered.start(i), end: buffer.buffered.end(i) }))
    const move = liveMove({ currentTime: video.currentTime, ranges, paused: video.paused })
    if (move.seekTo !== null && !video.seeking) video.currentTime = move.seekTo
    if (video.playbackRate !== move.rate) video.playbackRate = move.rate
    if (move.trimBefore !== null && !buffer.updating) buffer.remove(0, move.trimBefore)
    // A browser that forbids sound without a click still allows the muted picture.
    if (move.play) video.play().catch((e: unknown) => {
      if (e instanceof DOMException && e.name === 'NotAllowedError') video.muted = true
    })
  }

  private watchFrames() {
    this.video.requestVideoFrameCallback(() => {
      if (this.closed) return
      this.lastFrameMs = performance.now()
      this.watchFrames()
    })
  }

  private readonly restart = () => {
    if (this.closed || this.socket === null) return
    this.dropSocket()
    this.comeBack()
  }

  private comeBack() {
    this.dropSocket()
    if (this.closed) return
    clearTimeout(this.retry)
    this.retry = setTimeout(() => this.connect(), reconnectDelayMs(this.attempt, Math.random()))
    this.attempt += 1
  }

  private dropSocket() {
    const socket = this.socket
    this.socket = null
    this.state.connected = false
    if (socket) {
      socket.onmessage = socket.onopen = socket.onclose = null
      socket.close()
    }
  }

  private dropMedia() {
    this.queue = []
    this.anchors = []
    this.pictures = []
    this.buffer = null
    this.media = null
    if (this.url) URL.revokeObjectURL(this.url)
    this.url = null
  }
}

function joined(pieces: ArrayBuffer[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(pieces.reduce((sum, p) => sum + p.byteLength, 0))
  let at = 0
  for (const p of pieces) {
    all.set(new Uint8Array(p), at)
    at += p.byteLength
  }
  return all
}
