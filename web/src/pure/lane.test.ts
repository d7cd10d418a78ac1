import { expect, it } from 'vitest'
import type { Timeline } from '@/api/types'
import type { Lane } from './lane'
import { gapsOf, hitAt, removedOf, spansOf, whyNothing } from './lane'

const MINUTE = 60_000
const T = Date.UTC(2026, 10, 22, 6, 50)
const at = (minute: number) => `2026-11-22T14:${String(50 + minute).padStart(2, '0')}:00.000+08:00`

/** Two minutes removed, one minute of gap, one as recorded, two from the backup. */
const TOLD: Timeline = {
  window: '03',
  spans: [
    { camera: 'C3', from: at(3), to: at(4), stamped: true },
    { camera: 'C3', from: at(4), to: at(6), stamped: true, restored: true },
  ],
  gaps: [{ camera: 'C3', from: at(2), to: at(3), cause: 'disk' }],
  removed: [{ from: at(0), to: at(2) }],
}
const LANE: Lane = { key: 'window03', label: '03', spans: spansOf(TOLD), gaps: gapsOf(TOLD), removed: removedOf(TOLD) }

it('what has gone, what is missing and what came back are told apart', () => {
  const kinds = [0.5, 1.9, 2.5, 3.5, 4.5, 6.5].map((minute) => hitAt(LANE, T + minute * MINUTE, 0)?.kind ?? null)
  expect(kinds).toEqual(['removed', 'removed', 'gap', null, 'restored', null])
  expect(hitAt(LANE, T + 5 * MINUTE, 0)).toEqual({ kind: 'restored', fromMs: T + 4 * MINUTE, toMs: T + 6 * MINUTE })
})

it('a gap beside the cursor is met before what it lies in', () => {
  expect(hitAt(LANE, T + 2 * MINUTE - 500, 1000)).toMatchObject({ kind: 'gap', cause: 'disk', group: 'machine' })
  expect(hitAt(LANE, T + 2 * MINUTE - 500, 100)).toEqual({ kind: 'removed', fromMs: T, toMs: T + 2 * MINUTE })
})

it('nothing there has its cause, or was removed, or is not accounted for', () => {
  expect([0, 2, 6].map((minute) => whyNothing(TOLD, T + minute * MINUTE))).toEqual(['removed', 'disk', null])
})
