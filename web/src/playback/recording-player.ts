/**
 * Plays recordings: asks the server for an address, lets hls.js fetch it, and keeps account of wall time. The video's own
 * time means nothing to people; everything outside of this file speaks of wall time in milliseconds.
 */

import Hls from 'hls.js/light'
import type { ErrorData, Fragment } from 'hls.js'
import { shallowReactive } from 'vue'
import { ApiError, asApiError, openPlayback, readTimeline } from '@/api/client'
import { DAY_MS, SECOND_MS, instant } from '@/pure/beijing-time'
import { whyNothing } from '@/pure/lane'
import type { ListedFragment, Source } from '@/pure/playback'
import { frameStep, grantSpan, landing, mediaPlace, wallTimeAt } from '@/pure/playback'
import type { FrameStamp, StampEntry } from '@/pure/stamp-overlay'
import { recordedPictureAt, unstampedOf } from '@/pure/stamp-overlay'
import { serverTime } from '@/stores/clock'

export type Status = 'empty' | 'loading' | 'ready' | 'nothing' | 'failed'

/** Why the picture is not of the time that was asked for. */
export interface Snap {
  askedMs: number
  foundMs: number | null
  cause: string | null
}

export interface RecordingState {
  status: Status
  /** Camera whose recording is played: a window's camera may change over the years. */
  camera: string | null
  /** Time of the picture shown. */
  shownMs: number | null
  playing: boolean
  buffering: boolean
  /** Playback follows the present. */
  following: boolean
  snap: Snap | null
  error: ApiError | 'media' | 'unsupported' | null
}

export class RecordingPlayer {
  readonly state: RecordingState = shallowReactive({
    status: 'empty', camera: null, shownMs: null, playing: false, buffering: false, following: false, snap: null, error: null,
  })
  private hls: Hls | null = null
  private source: Source | null = null
  private list: ListedFragment[] = []
  private stamps: StampEntry[] = []
  /** Track time minus media time of the entries loaded so far, by number, and of each discontinuity as last told. */
  private shifts = new Map<number, number>()
  private shiftOf = new Map<number, number>()
  private grantToMs: number | null = null
  private askedMs = 0
  private frameSeconds: number | null = null
  private shortestFrame = Infinity
  private order = 0
  private rate = 1
  private wanted = true
  private mended = 0
  private closed = false

  constructor(private readonly video: HTMLVideoElement) {
    video.addEventListener('play', this.note)
    video.addEventListener('pause', this.note)
    video.addEventListener('timeupdate', this.note)
    video.addEventListener('seeking', this.note)
    video.addEventListener('seeked', this.note)
    video.addEventListener('waiting', this.wait)
    video.addEventListener('playing', this.note)
    video.addEventListener('ended', this.playOn)
    this.watchFrames()
  }

  /** Shows the recording of `source` from `atMs`, or from the next recorded moment. */
  async open(source: Source, atMs: number): Promise<void> {
    const order = ++this.order
    this.source = source
    this.askedMs = atMs
    this.state.error = null
    this.state.status = this.state.status === 'ready' ? 'ready' : 'loading'
    this.state.buffering = true
    try {
      const timeline = await readTimeline(source, atMs - 10 * SECOND_MS, Math.min(atMs + DAY_MS, serverTime() + SECOND_MS))
      const spans = timeline.spans.map((s) => ({ fromMs: instant(s.from), toMs: instant(s.to) }))
      const found = landing(spans, atMs)
      const cause = whyNothing(timeline, atMs)
      if (order !== this.order) return
      this.state.snap = found === atMs ? null : { askedMs: atMs, foundMs: found, cause }
      if (found === null) return this.stopAt('nothing')
      const span = grantSpan(found, serverTime())
      const grant = await openPlayback(source, span.fromMs, span.toMs)
      if (order !== this.order) return
      this.grantToMs = grant.to === null ? null : instant(grant.to)
      this.state.following = grant.to === null
      this.state.camera = grant.camera
      this.load(grant.url, found, order)
    } catch (e) {
      if (order !== this.order) return
      this.state.error = asApiError(e)
      this.stopAt('failed')
    }
  }

  /** Goes to `atMs` with as little fetching as possible. */
  seek(atMs: number) {
    if (!this.source) return
    const place = mediaPlace(this.list, atMs)
    const first = this.list[0]?.programDateTime ?? Infinity
    if (this.hls && place && atMs >= first && place.exact) {
      this.state.snap = null
      this.video.currentTime = place.seconds
    } else void this.open(this.source, atMs)
  }

  toggle() {
    if (this.wanted && !this.video.paused) this.pause()
    else this.play()
  }

  play() {
    this.wanted = true
    if (this.state.status !== 'ready') return
    // A browser that forbids sound without a click still allows the muted picture.
    this.video.play().catch((e: unknown) => {
      if (!(e instanceof DOMException && e.name === 'NotAllowedError')) return
      this.video.muted = true
      void this.video.play().catch(() => this.note())
    })
  }

  pause() {
    this.wanted = false
    this.video.pause()
  }

  setRate(rate: number) {
    this.rate = rate
    this.video.playbackRate = rate
    this.video.defaultPlaybackRate = rate
  }

  /** One picture on or back. `framesPerSecond` is used until the recording's own rate has been seen. */
  step(direction: 1 | -1, framesPerSecond: number) {
    this.pause()
    const fps = this.shortestFrame < 1 ? 1 / this.shortestFrame : framesPerSecond
    this.video.currentTime = frameStep(this.frameSeconds ?? this.video.currentTime, direction, fps)
  }

  close() {
    this.closed = true
    this.order += 1
    this.hls?.destroy()
    this.hls = null
  }

  /** What belongs to the picture presented at a media time: when it was taken, and whether it carries the stamp. */
  readonly frameAt = (mediaSeconds: number): FrameStamp | null => recordedPictureAt(this.stamps, mediaSeconds)

  private takeList(fragments: Fragment[]) {
    this.list = listed(fragments)
    this.stamps = fragments.map(({ sn, start, duration, rawProgramDateTime, tagList }) => ({
      start,
      duration,
      programDateTime: rawProgramDateTime,
      shiftSeconds: typeof sn === 'number' ? (this.shifts.get(sn) ?? null) : null,
      unstamped: unstampedOf(tagList),
    }))
  }

  private load(url: string, atMs: number, order: number) {
    this.hls?.destroy()
    this.list = []
    this.stamps = []
    this.shifts.clear()
    this.shiftOf.clear()
    this.frameSeconds = null
    this.shortestFrame = Infinity
    const hls = new Hls({
      autoStartLoad: false,
      enableWorker: false,
      backBufferLength: 60,
      maxBufferLength: 40,
      maxMaxBufferLength: 120,
      // The place is chosen by wall time; the end of the recording is no place to be drawn to.
      liveSyncMode: 'buffered',
      maxLiveSyncPlaybackRate: 1,
      startFragPrefetch: false,
    })
    this.hls = hls
    hls.on(Hls.Events.MANIFEST_PARSED, (_, data) => {
      const details = data.levels[0]?.details
      if (details) this.takeList(details.fragments)
      const place = mediaPlace(this.list, atMs)
      // The list may end a little before what the timeline promised: then its last part is the closest there is.
      hls.startLoad(place?.seconds ?? this.list.at(-1)?.start ?? -1)
    })
    hls.on(Hls.Events.LEVEL_UPDATED, (_, data) => {
      this.takeList(data.details.fragments)
    })
    // Where hls.js puts the recording's own time axis on the player's: needed to know each picture's time to the microsecond.
    hls.on(Hls.Events.INIT_PTS_FOUND, (_, data) => {
      this.shiftOf.set(data.frag.cc, -data.initPTS / data.timescale)
    })
    hls.on(Hls.Events.FRAG_PARSED, (_, { frag }) => {
      const shift = this.shiftOf.get(frag.cc)
      if (shift !== undefined && typeof frag.sn === 'number') this.shifts.set(frag.sn, shift)
      const details = hls.levels[frag.level]?.details
      if (details) this.takeList(details.fragments)
    })
    hls.on(Hls.Events.FRAG_BUFFERED, () => {
      if (order !== this.order || this.state.status === 'ready') return
      this.state.status = 'ready'
      this.setRate(this.rate)
      if (this.wanted) this.play()
    })
    hls.on(Hls.Events.ERROR, (_, data) => this.mend(data))
    hls.attachMedia(this.video)
    hls.loadSource(url)
    this.state.status = 'loading'
  }

  /** hls.js retries by itself; what it calls fatal is tried once more from here, with a new address, then told. */
  private mend(data: ErrorData) {
    if (!data.fatal || !this.source) return
    const at = this.state.status === 'ready' ? (this.state.shownMs ?? this.askedMs) : this.askedMs
    this.mended += 1
    if (data.type === Hls.ErrorTypes.MEDIA_ERROR && this.mended === 1) return this.hls?.recoverMediaError()
    if (data.type === Hls.ErrorTypes.NETWORK_ERROR && this.mended <= 3) {
      const source = this.source
      setTimeout(() => !this.closed && this.source === source && void this.open(source, at), 1000 * this.mended)
      return
    }
    if (data.type === Hls.ErrorTypes.NETWORK_ERROR) {
      this.state.error = new ApiError(data.response?.code ?? 0, data.response?.code ? 'unexpected' : 'unreachable', null, null)
      return this.stopAt('failed')
    }
    const codec = /codec|isTypeSupported|addSourceBuffer/i.test(`${data.details} ${data.error?.message ?? ''}`)
    this.state.error = codec ? 'unsupported' : 'media'
    this.stopAt('failed')
  }

  private stopAt(status: Status) {
    this.state.status = status
    this.state.buffering = false
    this.hls?.destroy()
    this.hls = null
    this.list = []
    this.stamps = []
    this.note()
  }

  private readonly note = () => {
    const { video, state } = this
    state.playing = !video.paused
    if (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA && !video.seeking) {
      state.buffering = !video.paused && video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA
      const shown = wallTimeAt(this.list, video.currentTime)
      if (shown !== null) {
        // Ten times a second is what is shown; single pictures count only while standing still.
        if (video.paused || Math.floor(shown / 100) !== Math.floor((state.shownMs ?? 0) / 100)) state.shownMs = shown
        if (!video.paused) this.mended = 0
      }
    }
  }

  private readonly wait = () => {
    this.state.buffering = true
  }

  /** A span in the past has been played to its end: the next one follows. */
  private readonly playOn = () => {
    if (this.source && this.grantToMs !== null && this.wanted) void this.open(this.source, this.grantToMs)
  }

  private watchFrames() {
    this.video.requestVideoFrameCallback((_, frame) => {
      if (this.closed) return
      const since = frame.mediaTime - (this.frameSeconds ?? frame.mediaTime)
      if (since > 0.008) this.shortestFrame = Math.min(this.shortestFrame, since)
      this.frameSeconds = frame.mediaTime
      this.note()
      this.watchFrames()
    })
  }
}

function listed(fragments: ListedFragment[]): ListedFragment[] {
  return fragments.map(({ start, duration, programDateTime }) => ({ start, duration, programDateTime }))
}
