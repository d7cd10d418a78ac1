/** What may be believed of the server's state events, and what time the server has. Milliseconds throughout. */

/** Events come each second; silence longer than this means that nothing is known any more. */
export const SILENCE_MS = 3500

export interface FeedFacts {
  nowMs: number
  /** When listening began. */
  openedMs: number
  /** The connection broke and has not come back. */
  broken: boolean
  /** When the newest event arrived; `null` before the first. */
  heardMs: number | null
  /** When an event last brought a newer measurement; events that repeat an old one prove nothing. */
  advancedMs: number | null
}

export type Feed = 'first' | 'heard' | 'lost' | 'stopped'

/** Whether the newest state may be shown as true. */
export function feedOf(f: FeedFacts): Feed {
  if (f.heardMs === null) return f.broken || f.nowMs - f.openedMs > SILENCE_MS ? 'lost' : 'first'
  if (f.broken || f.nowMs - f.heardMs > SILENCE_MS) return 'lost'
  if (f.advancedMs !== null && f.nowMs - f.advancedMs > SILENCE_MS) return 'stopped'
  return 'heard'
}

const KEPT = 20

/**
 * The server's clock minus ours, from measurements that were made some time before they arrived: the largest of the last
 * ones has the least delay in it. A step of a clock is believed at once when it is larger than any delay.
 */
export function clockOffset(before: number[], atMs: number, arrivedMs: number): { offsets: number[]; offsetMs: number } {
  const offset = atMs - arrivedMs
  const last = before.at(-1)
  const kept = last !== undefined && Math.abs(offset - last) > 5000 ? [] : before
  const offsets = [...kept, offset].slice(-KEPT)
  return { offsets, offsetMs: Math.max(...offsets) }
}
