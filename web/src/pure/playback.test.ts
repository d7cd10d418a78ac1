import { describe, expect, it } from 'vitest'
import { startOfDay } from './beijing-time'
import {
  frameStep, gapTarget, grantSpan, holdings, landing, mediaPlace, nextSpeed, readAddress, wallTimeAt, writeAddress,
} from './playback'

const T = Date.UTC(2026, 10, 22, 6, 50)

/** Two seconds, two seconds, then half a minute missing, then two seconds. */
const LIST = [
  { start: 0, duration: 2, programDateTime: T },
  { start: 2, duration: 2, programDateTime: T + 2000 },
  { start: 4, duration: 2, programDateTime: T + 34_000 },
]

describe('media time and wall time', () => {
  it('agree inside a fragment', () => {
    expect(wallTimeAt(LIST, 3.25)).toBe(T + 3250)
    expect(mediaPlace(LIST, T + 3250)).toEqual({ seconds: 3.25, atMs: T + 3250, exact: true })
  })
  it('jump with the recording over a gap', () => {
    expect(wallTimeAt(LIST, 3.99)).toBe(T + 3990)
    expect(wallTimeAt(LIST, 4)).toBe(T + 34_000)
    expect(mediaPlace(LIST, T + 10_000)).toEqual({ seconds: 4, atMs: T + 34_000, exact: false })
  })
  it('end with the list', () => {
    expect(mediaPlace(LIST, T + 36_000)).toBeNull()
    expect(wallTimeAt(LIST, 9)).toBe(T + 36_000)
    expect(wallTimeAt([], 1)).toBeNull()
  })
  it('do not make up a time for fragments that tell none', () => {
    expect(wallTimeAt([{ start: 0, duration: 2, programDateTime: null }], 1)).toBeNull()
  })
})

describe('the span asked for', () => {
  it('lies in the past for the past', () => {
    expect(grantSpan(T, T + 86_400_000)).toEqual({ fromMs: T - 120_000, toMs: T + 3_600_000 })
    expect(grantSpan(T, T + 600_000)).toEqual({ fromMs: T - 120_000, toMs: T + 540_000 })
  })
  it('follows the present close to it', () => {
    expect(grantSpan(T, T + 30_000)).toEqual({ fromMs: T - 120_000, toMs: null })
  })
})

describe('landing', () => {
  const spans = [{ fromMs: T + 60_000, toMs: T + 90_000 }, { fromMs: T, toMs: T + 30_000 }]
  it('is the moment asked for when it is recorded', () => {
    expect(landing(spans, T + 10_000)).toBe(T + 10_000)
  })
  it('is the next recording when it is not', () => {
    expect(landing(spans, T + 30_000)).toBe(T + 60_000)
    expect(landing(spans, T - 5_000)).toBe(T)
  })
  it('of the present is a little before the newest end', () => {
    expect(landing(spans, T + 95_000)).toBe(T + 86_000)
    expect(landing([{ fromMs: T + 89_000, toMs: T + 90_000 }], T + 95_000)).toBe(T + 89_000)
  })
  it('is nowhere when nothing follows', () => {
    expect(landing(spans, T + 3_600_000)).toBeNull()
    expect(landing([], T)).toBeNull()
  })
})

describe('steps', () => {
  it('land in the middle of the neighbouring picture', () => {
    expect(frameStep(10, 1, 25)).toBeCloseTo(10.06, 6)
    expect(frameStep(10, -1, 25)).toBeCloseTo(9.98, 6)
    expect(frameStep(0, -1, 25)).toBe(0)
    expect(frameStep(10, 1, 0)).toBeCloseTo(10.06, 6)
  })
  it('of speed stop at both ends', () => {
    expect(nextSpeed(1, 1)).toBe(2)
    expect(nextSpeed(16, 1)).toBe(16)
    expect(nextSpeed(0.25, -1)).toBe(0.25)
  })
  it('from gap to gap go on, and show the moments before', () => {
    const gaps = [{ fromMs: T + 60_000, toMs: T + 70_000 }, { fromMs: T, toMs: T + 10_000 }]
    expect(gapTarget(gaps, T - 60_000, 1)).toBe(T - 3000)
    expect(gapTarget(gaps, T - 3000, 1)).toBe(T + 57_000)
    expect(gapTarget(gaps, T + 57_000, 1)).toBeNull()
    expect(gapTarget(gaps, T + 57_000, -1)).toBe(T - 3000)
    expect(gapTarget(gaps, T - 3000, -1)).toBeNull()
  })
})

describe('the calendar', () => {
  it('shows what each Beijing day holds', () => {
    const day = startOfDay('2026-11-22')!
    const next = startOfDay('2026-11-23')!
    const held = holdings([day, next], [{ fromMs: day + 43_200_000, toMs: next + 21_600_000 }], [{ fromMs: day, toMs: day + 1000 }], [])
    expect(held.get(day)).toEqual({ share: 0.5, gaps: 1, removed: false })
    expect(held.get(next)).toEqual({ share: 0.25, gaps: 0, removed: false })
    expect(holdings([day], [], [], []).size).toBe(0)
    expect(holdings([day, next], [], [], [{ fromMs: day, toMs: next }])).toEqual(new Map([[day, { share: 0, gaps: 0, removed: true }]]))
  })
})

describe('the address', () => {
  it('opens the same second again', () => {
    const address = { sources: [{ kind: 'window' as const, id: '03' }], atMs: T + 3400, speed: 2 }
    const query = writeAddress(address)
    expect(query).toEqual({ window: '03', at: '2026-11-22T14:50:03.400+08:00', speed: '2' })
    expect(readAddress(query)).toEqual(address)
  })
  it('holds several windows and cameras', () => {
    const address = readAddress({ window: ['03', '04'], camera: 'C5' })
    expect(address.sources.map((s) => s.id)).toEqual(['03', '04', 'C5'])
    expect(writeAddress(address)).toEqual({ window: ['03', '04'], camera: 'C5' })
  })
  it('forgives what a mail program did to it and ignores nonsense', () => {
    expect(readAddress({ window: '03', at: '2026-11-22T14:50:03 08:00' }).atMs).toBe(T + 3000)
    expect(readAddress({ at: 'soon', speed: '3' })).toEqual({ sources: [], atMs: null, speed: 1 })
  })
})
