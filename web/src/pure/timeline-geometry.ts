/** The arithmetic of the timeline: time ↔ pixels, zoom about the cursor, pan, ticks. Times in milliseconds, x in CSS pixels. */

import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, beijingFields, dayFloor, formatTenths, formatTime } from './beijing-time'

/** The part of time that is shown, half open. */
export interface View {
  fromMs: number
  toMs: number
}

/** Half-open span of time. */
export interface Stretch {
  fromMs: number
  toMs: number
}

/** Widest view: 30 working days take up to 52 days, shown with a margin. */
export const WIDEST_MS = 60 * DAY_MS
/** Narrowest view. */
export const NARROWEST_MS = SECOND_MS

export function xOf(view: View, width: number, ms: number): number {
  return ((ms - view.fromMs) / (view.toMs - view.fromMs)) * width
}

export function timeAt(view: View, width: number, x: number): number {
  return view.fromMs + (x / width) * (view.toMs - view.fromMs)
}

/** The view after zooming by `factor` (above 1 shows more) so that the time under `x` stays under it. */
export function zoomAbout(view: View, width: number, x: number, factor: number): View {
  const length = Math.min(WIDEST_MS, Math.max(NARROWEST_MS, (view.toMs - view.fromMs) * factor))
  const pivot = timeAt(view, width, x)
  const fromMs = pivot - (x / width) * length
  return { fromMs, toMs: fromMs + length }
}

/** The view after dragging the picture `dx` pixels to the right. */
export function panBy(view: View, width: number, dx: number): View {
  const shift = (-dx / width) * (view.toMs - view.fromMs)
  return { fromMs: view.fromMs + shift, toMs: view.toMs + shift }
}

/** A view of the same length with `ms` in its middle. */
export function centreOn(view: View, ms: number): View {
  const half = (view.toMs - view.fromMs) / 2
  return { fromMs: ms - half, toMs: ms + half }
}

/** A view that still shows `ms`: unchanged while it is inside, turned like a page when it has run out of the right edge. */
export function follow(view: View, ms: number): View {
  const length = view.toMs - view.fromMs
  if (ms >= view.fromMs && ms <= view.toMs - length * 0.02) return view
  if (ms > view.toMs - length * 0.02 && ms < view.toMs + length) return { fromMs: ms - length * 0.1, toMs: ms + length * 0.9 }
  return centreOn(view, ms)
}

/** The wheel's turn as a zoom factor: one notch (100) is a factor of 1.25. */
export function wheelFactor(deltaY: number): number {
  return 1.25 ** (Math.max(-400, Math.min(400, deltaY)) / 100)
}

const STEPS: number[] = [
  100, 200, 500,
  SECOND_MS, 2 * SECOND_MS, 5 * SECOND_MS, 10 * SECOND_MS, 15 * SECOND_MS, 30 * SECOND_MS,
  MINUTE_MS, 2 * MINUTE_MS, 5 * MINUTE_MS, 10 * MINUTE_MS, 15 * MINUTE_MS, 30 * MINUTE_MS,
  HOUR_MS, 2 * HOUR_MS, 3 * HOUR_MS, 6 * HOUR_MS, 12 * HOUR_MS,
  DAY_MS, 2 * DAY_MS, 7 * DAY_MS, 14 * DAY_MS,
]

export interface Tick {
  ms: number
  label: string
  /** A Beijing midnight. */
  midnight: boolean
}

/** Ticks at round Beijing times, at least `spacing` pixels apart. */
export function ticks(view: View, width: number, spacing: number): Tick[] {
  const perPixel = (view.toMs - view.fromMs) / Math.max(1, width)
  const step = STEPS.find((s) => s >= perPixel * spacing) ?? STEPS.at(-1)!
  // Counted from a midnight, so that steps of several hours fall on the same hours every day.
  const origin = dayFloor(view.fromMs)
  const found: Tick[] = []
  for (let n = Math.ceil((view.fromMs - origin) / step); found.length < 1000; n += 1) {
    const ms = origin + n * step
    if (ms >= view.toMs) break
    const f = beijingFields(ms)
    const midnight = ms === dayFloor(ms)
    const label = midnight
      ? `${String(f.month).padStart(2, '0')}-${String(f.day).padStart(2, '0')}`
      : step < SECOND_MS ? formatTenths(ms) : step < MINUTE_MS ? formatTime(ms) : formatTime(ms).slice(0, 5)
    found.push({ ms, label, midnight })
  }
  return found
}

/** Pixel bounds of a stretch inside the view; `null` when it lies outside. Never narrower than `least`, so that a short gap is seen from afar. */
export function boundsOf(view: View, width: number, s: Stretch, least: number): { x: number; w: number } | null {
  if (s.toMs <= view.fromMs || s.fromMs >= view.toMs) return null
  const left = Math.max(0, xOf(view, width, s.fromMs))
  const right = Math.min(width, xOf(view, width, s.toMs))
  const w = Math.max(least, right - left)
  return { x: Math.min(left, width - w), w }
}

/** Share of a span that stretches cover, 0 to 1. Overlaps count once. */
export function shareCovered(span: Stretch, stretches: Stretch[]): number {
  const length = span.toMs - span.fromMs
  if (length <= 0) return 0
  let covered = 0
  let reached = span.fromMs
  for (const s of [...stretches].sort((a, b) => a.fromMs - b.fromMs)) {
    const from = Math.max(reached, s.fromMs)
    const to = Math.min(span.toMs, s.toMs)
    if (to > from) {
      covered += to - from
      reached = to
    }
  }
  return covered / length
}
