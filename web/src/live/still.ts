import { drawStamp } from '@/live/stamp-paint'
import { formatDay, formatTenths } from '@/pure/beijing-time'
import type { FrameStamp, StampStyle } from '@/pure/stamp-overlay'

/** A picture that moves presents the next one well within this time. */
const NEXT_PICTURE_MS = 300

/** What is needed to save exactly one picture with its own time. */
export interface StillSource {
  video: HTMLVideoElement
  /** Media time of the picture presented last. */
  presented: number | null
  /** What belongs to the picture of a media time. */
  frameAt: (mediaSeconds: number) => FrameStamp | null
  /** The label, where the picture brings none of its own. */
  label: string[]
  style: StampStyle
}

/**
 * Saves the picture now shown as a PNG file, with the stamp drawn on it where it carries none. `atMs` is when it was taken, for its
 * name, where nothing better is known. False when there is no picture.
 */
export async function saveStill(source: StillSource, name: string, atMs: number): Promise<boolean> {
  const { video } = source
  if (video.videoWidth === 0) return false
  const canvas = document.createElement('canvas')
  canvas.width = video.videoWidth
  canvas.height = video.videoHeight
  const frame = await takePicture(source, canvas)
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, 'image/png'))
  if (!blob) return false
  const ms = frame?.captureMs ?? atMs
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = `${name} ${formatDay(ms)} ${formatTenths(ms).replaceAll(':', '')}.png`.replace(/[\\/:*?"<>|]/g, '_')
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
  return true
}

/** Copies a picture together with what belongs to it: in the moment in which it is presented, or standing still. */
export function takePicture(source: StillSource, canvas: HTMLCanvasElement): Promise<FrameStamp | null> {
  const { video } = source
  const take = (mediaSeconds: number | null) => {
    const context = canvas.getContext('2d')
    context?.drawImage(video, 0, 0, canvas.width, canvas.height)
    const frame = mediaSeconds === null ? null : source.frameAt(mediaSeconds)
    if (context && frame && !frame.stamped) drawStamp(context, canvas.width, canvas.height, frame.captureMs, frame.label ?? source.label, source.style)
    return frame
  }
  return new Promise((done) => {
    const still = setTimeout(() => {
      video.cancelVideoFrameCallback(next)
      done(take(source.presented))
    }, video.paused ? 0 : NEXT_PICTURE_MS)
    const next = video.requestVideoFrameCallback((_, shown) => {
      clearTimeout(still)
      done(take(shown.mediaTime))
    })
  })
}
