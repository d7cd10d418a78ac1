/** A lane of the timeline: what was recorded of one source, what is missing, and what has gone since. */

import type { Timeline } from '@/api/types'
import { instant } from './beijing-time'
import type { CauseGroup } from './state-words'
import { causeGroup } from './state-words'
import type { Stretch } from './timeline-geometry'

export interface LaneSpan extends Stretch {
  stamped: boolean
  /** It came back from the backup copy. */
  restored: boolean
}

export interface LaneGap extends Stretch {
  group: CauseGroup
  cause: string
  detail: string
}

export interface Lane {
  key: string
  label: string
  spans: LaneSpan[]
  gaps: LaneGap[]
  /** Recorded once, removed because its time was over. */
  removed: Stretch[]
}

export function spansOf(timeline: Timeline): LaneSpan[] {
  return timeline.spans.map((s) => ({ fromMs: instant(s.from), toMs: instant(s.to), stamped: s.stamped, restored: s.restored === true }))
}

export function gapsOf(timeline: Timeline): LaneGap[] {
  return timeline.gaps.map((g) => ({
    fromMs: instant(g.from), toMs: instant(g.to), cause: g.cause, group: causeGroup(g.cause), detail: g.detail ?? '',
  }))
}

export function removedOf(timeline: Timeline): Stretch[] {
  return timeline.removed.map((r) => ({ fromMs: instant(r.from), toMs: instant(r.to) }))
}

/** What there is to say of a moment beyond that it was recorded. */
export type Hit = ({ kind: 'gap' } & LaneGap) | ({ kind: 'removed' } & Stretch) | ({ kind: 'restored' } & Stretch)

/** What lies at `ms`; short gaps are drawn wider than they are, which `graceMs` makes up for. */
export function hitAt(lane: Lane, ms: number, graceMs: number): Hit | null {
  const at = (grace: number) => (s: Stretch) => ms >= s.fromMs - grace && ms < s.toMs + grace
  const gap = lane.gaps.find(at(graceMs))
  if (gap) return { kind: 'gap', ...gap }
  const removed = lane.removed.find(at(0))
  if (removed) return { kind: 'removed', fromMs: removed.fromMs, toMs: removed.toMs }
  const back = lane.spans.filter((s) => s.restored).find(at(0))
  return back ? { kind: 'restored', fromMs: back.fromMs, toMs: back.toMs } : null
}

/** Why nothing was recorded at `ms`: a gap's cause, or `removed`; `null` when nothing is noted. */
export function whyNothing(timeline: Timeline, ms: number): string | null {
  const inside = (s: Stretch) => s.fromMs <= ms && s.toMs > ms
  return gapsOf(timeline).find(inside)?.cause ?? (removedOf(timeline).some(inside) ? 'removed' : null)
}
