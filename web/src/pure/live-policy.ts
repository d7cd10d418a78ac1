/**
 * What a live player does at each moment, decided from measured numbers alone.
 * Times on the media axis are seconds, others milliseconds.
 */

/** Further behind than this, jump. */
export const JUMP_BEHIND_S = 0.6
/** Further behind than this, play a little faster. */
export const HURRY_BEHIND_S = 0.25
/** Where a jump lands, before the end of what is buffered. */
export const LANDING_S = 0.08
const HURRY_RATE = 1.1
/** Played media kept before it is cut off, and how much of it may pile up before cutting is worth a call. */
const KEEP_PLAYED_S = 5
const TRIM_WHEN_PLAYED_S = 15

export interface BufferedRange {
  start: number
  end: number
}

export interface LiveMoment {
  currentTime: number
  ranges: BufferedRange[]
  paused: boolean
}

export interface LiveMove {
  /** Where to jump, if a jump is due. */
  seekTo: number | null
  rate: number
  /** Media before this may be removed from the buffer. */
  trimBefore: number | null
  /** The player stands although there is something to play. */
  play: boolean
}

/** Decides the next move of a live player. */
export function liveMove({ currentTime, ranges, paused }: LiveMoment): LiveMove {
  const newest = ranges.at(-1)
  if (!newest) return { seekTo: null, rate: 1, trimBefore: null, play: false }
  const behind = newest.end - currentTime
  const landing = Math.max(newest.start, newest.end - LANDING_S)
  // Outside of the newest range lies nothing that will ever be played: a hole, or the time before the first fragment.
  const outside = currentTime < newest.start || currentTime > newest.end + 0.5
  const seekTo = outside || behind > JUMP_BEHIND_S ? landing : null
  const rate = seekTo === null && behind > HURRY_BEHIND_S ? HURRY_RATE : 1
  const at = seekTo ?? currentTime
  const oldest = ranges[0]?.start ?? at
  const trimBefore = at - oldest > TRIM_WHEN_PLAYED_S ? at - KEEP_PLAYED_S : null
  return { seekTo, rate, trimBefore, play: paused }
}

/**
 * Which picture a tile asks for: the small one, unless it is looked at closely or listened to. The small one is silent.
 */
export function pictureToAsk(tile: { large: boolean; audible: boolean }): 'full' | 'wall' {
  return tile.large || tile.audible ? 'full' : 'wall'
}

/** Waiting time before connection attempt `attempt` (0 is the first after a loss). `chance` is in 0..1 and spreads the viewers. */
export function reconnectDelayMs(attempt: number, chance: number): number {
  const base = Math.min(15_000, 500 * 2 ** Math.min(attempt, 10))
  return Math.round(base * (0.75 + 0.5 * chance))
}

/**
 * How long a connection may bring nothing before it is taken for dead. While the camera is measured as recording, pictures are
 * due and silence is suspect, less so after each fruitless reconnection; while it is not, silence is what is to be expected,
 * and every new connection would only be one more line in the audit log.
 */
export function deafLimitMs(due: boolean, fruitless: number): number {
  return due ? Math.min(300_000, 12_000 * 2 ** Math.min(fruitless, 10)) : 600_000
}

/** A point at which both wall time and media time are known. */
export interface TimeAnchor {
  captureMs: number
  mediaSeconds: number
}

/** Wall time of the picture shown at `currentTime`, by the newest anchor at or before it. */
export function shownCaptureMs(anchors: TimeAnchor[], currentTime: number): number | null {
  let best: TimeAnchor | undefined = anchors[0]
  for (const a of anchors) if (a.mediaSeconds <= currentTime + 0.001) best = a
  return best ? best.captureMs + (currentTime - best.mediaSeconds) * 1000 : null
}

export type Picture = 'connecting' | 'waiting' | 'live' | 'stale' | 'lost' | 'unsupported'

/** No new picture for this long, and it no longer passes for live. */
export const STALE_AFTER_MS = 2000

export interface PictureFacts {
  nowMs: number
  /** When the player was opened. */
  openedMs: number
  /** When a picture was last presented; `null` before the first. */
  lastFrameMs: number | null
  connected: boolean
  /** The server says that the camera has sent nothing yet. */
  waiting: boolean
  unsupported: boolean
}

/** What a tile may claim about its picture. A picture that does not move is never `live`. */
export function pictureOf(f: PictureFacts): Picture {
  if (f.unsupported) return 'unsupported'
  if (f.lastFrameMs !== null) return f.nowMs - f.lastFrameMs > STALE_AFTER_MS ? 'stale' : 'live'
  if (f.waiting) return 'waiting'
  return !f.connected && f.nowMs - f.openedMs > 5000 ? 'lost' : 'connecting'
}

/** How long the picture has stood still, for the counter. */
export function stillForMs(f: PictureFacts): number {
  return f.nowMs - (f.lastFrameMs ?? f.openedMs)
}
