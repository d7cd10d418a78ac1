/** Playback without the player: which span to ask for, media time ↔ wall time, frame steps, gaps, the address bar. */

import { DAY_MS, MINUTE_MS, SECOND_MS, parseRfc3339, toRfc3339 } from './beijing-time'
import type { Stretch } from './timeline-geometry'

/** What is played: a window (its camera may change over the years) or a camera. */
export interface Source {
  kind: 'window' | 'camera'
  id: string
}

export const SPEEDS = [0.25, 0.5, 1, 2, 4, 8, 16]

/** The speed next to `speed`, up or down. */
export function nextSpeed(speed: number, direction: 1 | -1): number {
  const i = SPEEDS.indexOf(speed)
  return SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, (i < 0 ? 2 : i) + direction))]!
}

const BEFORE_MS = 2 * MINUTE_MS
const AHEAD_MS = 60 * MINUTE_MS
/** Closer to the present than this, playback follows it. */
const FOLLOW_MS = 5 * MINUTE_MS

/** The span to ask the server for, so that stepping back and playing on need no second request. `toMs: null` follows the present. */
export function grantSpan(atMs: number, nowMs: number): { fromMs: number; toMs: number | null } {
  if (atMs > nowMs - FOLLOW_MS) return { fromMs: atMs - BEFORE_MS, toMs: null }
  return { fromMs: atMs - BEFORE_MS, toMs: Math.min(atMs + AHEAD_MS, nowMs - MINUTE_MS) }
}

/** The end of what is recorded is still being written; closer to it than this there may be no whole part yet. */
const OPEN_END_MS = 4 * SECOND_MS

/** Where playback asked for `atMs` begins: there if it is recorded, else at the next recording, else just before the newest end. */
export function landing(spans: Stretch[], atMs: number): number | null {
  const sorted = [...spans].sort((a, b) => a.fromMs - b.fromMs)
  const last = sorted.at(-1)
  if (!last) return null
  const next = sorted.find((s) => s.toMs > atMs)
  if (next) return Math.max(atMs, next.fromMs)
  return atMs - last.toMs < 30 * SECOND_MS ? Math.max(last.fromMs, last.toMs - OPEN_END_MS) : null
}

/** One entry of a playlist: where it lies on the player's axis, and when its first picture was taken. */
export interface ListedFragment {
  start: number
  duration: number
  programDateTime: number | null
}

/** Wall time of the picture at media time `t`; `null` outside of the list. */
export function wallTimeAt(list: ListedFragment[], t: number): number | null {
  const f = find(list, (x) => x.start <= t + 1e-4)
  if (!f || f.programDateTime === null) return null
  // Past a fragment's end lies the next one or nothing: the picture shown is its last.
  return f.programDateTime + Math.min(Math.max(0, t - f.start), f.duration) * SECOND_MS
}

export interface MediaPlace {
  seconds: number
  /** The wall time found there: later than asked for when nothing was recorded then. */
  atMs: number
  exact: boolean
}

/** Media time of a wall time; in a gap the first picture after it; `null` when the list ends before. */
export function mediaPlace(list: ListedFragment[], wallMs: number): MediaPlace | null {
  for (const f of list) {
    if (f.programDateTime === null) continue
    const endMs = f.programDateTime + f.duration * SECOND_MS
    // A fragment's length is rounded in the playlist; a hair past the end is still inside.
    if (wallMs >= endMs - 1) continue
    const into = wallMs - f.programDateTime
    if (into >= 0) return { seconds: f.start + into / SECOND_MS, atMs: wallMs, exact: true }
    return { seconds: f.start, atMs: f.programDateTime, exact: into > -500 }
  }
  return null
}

function find(list: ListedFragment[], fits: (f: ListedFragment) => boolean): ListedFragment | undefined {
  let [low, high] = [0, list.length]
  while (low < high) {
    const mid = (low + high) >> 1
    if (fits(list[mid]!)) low = mid + 1
    else high = mid
  }
  return list[low - 1]
}

/** Where to seek for the next or the previous picture, given the media time of the one shown: the middle of the wanted one. */
export function frameStep(shownSeconds: number, direction: 1 | -1, framesPerSecond: number): number {
  const fps = framesPerSecond > 0 && framesPerSecond < 240 ? framesPerSecond : 25
  return Math.max(0, shownSeconds + (direction + 0.5) / fps)
}

/** The pictures just before a gap are what is looked for when jumping to it. */
const BEFORE_GAP_MS = 3 * SECOND_MS

/** Where the next or previous gap is watched from; `null` when there is none. */
export function gapTarget(gaps: Stretch[], atMs: number, direction: 1 | -1): number | null {
  const starts = gaps.map((g) => g.fromMs).sort((a, b) => a - b)
  const found = direction > 0
    ? starts.find((s) => s > atMs + BEFORE_GAP_MS + 500)
    : starts.filter((s) => s < atMs - 500).at(-1)
  return found === undefined ? null : found - BEFORE_GAP_MS
}

export interface DayHolding {
  /** Share of the day recorded, 0 to 1. */
  share: number
  gaps: number
  /** Some of it was recorded and removed because its time was over. */
  removed: boolean
}

/** What each day holds, for the calendar. Keys are Beijing midnights. */
export function holdings(days: number[], spans: Stretch[], gaps: Stretch[], removed: Stretch[]): Map<number, DayHolding> {
  const held = new Map<number, DayHolding>()
  for (const day of days) {
    const end = day + DAY_MS
    let recorded = 0
    for (const s of spans) recorded += Math.max(0, Math.min(end, s.toMs) - Math.max(day, s.fromMs))
    const inDay = (s: Stretch) => s.fromMs < end && s.toMs > day
    const missing = gaps.filter(inDay).length
    const gone = removed.some(inDay)
    if (recorded > 0 || missing > 0 || gone) held.set(day, { share: Math.min(1, recorded / DAY_MS), gaps: missing, removed: gone })
  }
  return held
}

/** What the address bar of the playback page holds. */
export interface Address {
  sources: Source[]
  atMs: number | null
  speed: number
}

type Query = Record<string, string | null | (string | null)[] | undefined>

function all(value: Query[string]): string[] {
  return (Array.isArray(value) ? value : [value]).filter((v): v is string => typeof v === 'string' && v !== '')
}

export function readAddress(query: Query): Address {
  const sources: Source[] = [
    ...all(query.window).map((id): Source => ({ kind: 'window', id })),
    ...all(query.camera).map((id): Source => ({ kind: 'camera', id })),
  ]
  // A plus sign in a query may have been read as a space.
  const at = all(query.at)[0]?.replace(' ', '+')
  const speed = Number(all(query.speed)[0] ?? '1')
  return { sources, atMs: at === undefined ? null : parseRfc3339(at), speed: SPEEDS.includes(speed) ? speed : 1 }
}

export function writeAddress(a: Address): Record<string, string | string[]> {
  const query: Record<string, string | string[]> = {}
  const windows = a.sources.filter((s) => s.kind === 'window').map((s) => s.id)
  const cameras = a.sources.filter((s) => s.kind === 'camera').map((s) => s.id)
  if (windows.length > 0) query.window = windows.length === 1 ? windows[0]! : windows
  if (cameras.length > 0) query.camera = cameras.length === 1 ? cameras[0]! : cameras
  if (a.atMs !== null) query.at = toRfc3339(Math.floor(a.atMs / 100) * 100)
  if (a.speed !== 1) query.speed = String(a.speed)
  return query
}
