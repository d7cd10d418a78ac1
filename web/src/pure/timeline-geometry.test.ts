import { describe, expect, it } from 'vitest'
import { DAY_MS, HOUR_MS, MINUTE_MS, startOfDay } from './beijing-time'
import { boundsOf, follow, panBy, shareCovered, ticks, timeAt, wheelFactor, xOf, zoomAbout } from './timeline-geometry'

const NOON = startOfDay('2026-11-22')! + 12 * HOUR_MS
const HOUR = { fromMs: NOON, toMs: NOON + HOUR_MS }

describe('time and pixels', () => {
  it('are two sides of one thing', () => {
    expect(xOf(HOUR, 1200, NOON + 15 * MINUTE_MS)).toBe(300)
    expect(timeAt(HOUR, 1200, 300)).toBe(NOON + 15 * MINUTE_MS)
  })
  it('zoom about the cursor: the time under it stays', () => {
    const closer = zoomAbout(HOUR, 1200, 300, 0.5)
    expect(closer.toMs - closer.fromMs).toBe(30 * MINUTE_MS)
    expect(timeAt(closer, 1200, 300)).toBe(NOON + 15 * MINUTE_MS)
  })
  it('stop zooming at one second and at sixty days', () => {
    const second = zoomAbout(HOUR, 1200, 600, 1e-9)
    expect(second.toMs - second.fromMs).toBe(1000)
    const all = zoomAbout(HOUR, 1200, 600, 1e9)
    expect(all.toMs - all.fromMs).toBe(60 * DAY_MS)
  })
  it('pan with the hand: dragging right shows earlier time', () => {
    expect(panBy(HOUR, 1200, 200)).toEqual({ fromMs: NOON - 10 * MINUTE_MS, toMs: NOON + 50 * MINUTE_MS })
  })
  it('zooming in and out by the same turn comes back', () => {
    expect(wheelFactor(100) * wheelFactor(-100)).toBeCloseTo(1, 12)
    expect(wheelFactor(100_000)).toBeLessThan(3)
  })
  it('follow playback by turning the page', () => {
    expect(follow(HOUR, NOON + 30 * MINUTE_MS)).toBe(HOUR)
    const turned = follow(HOUR, NOON + 59.5 * MINUTE_MS)
    expect(xOf(turned, 100, NOON + 59.5 * MINUTE_MS)).toBeCloseTo(10, 6)
    const far = follow(HOUR, NOON - 9 * HOUR_MS)
    expect(xOf(far, 100, NOON - 9 * HOUR_MS)).toBeCloseTo(50, 6)
  })
})

describe('ticks', () => {
  it('lie on round Beijing times', () => {
    expect(ticks(HOUR, 1200, 90).map((t) => t.label)).toEqual([
      '12:00', '12:05', '12:10', '12:15', '12:20', '12:25', '12:30', '12:35', '12:40', '12:45', '12:50', '12:55',
    ])
  })
  it('show the date at midnight', () => {
    const night = { fromMs: NOON + 6 * HOUR_MS, toMs: NOON + 18 * HOUR_MS }
    const labels = ticks(night, 600, 100).map((t) => t.label)
    expect(labels).toEqual(['18:00', '20:00', '22:00', '11-23', '02:00', '04:00'])
  })
  it('go down to tenths of a second', () => {
    expect(ticks({ fromMs: NOON, toMs: NOON + 1000 }, 1000, 150)[1]!.label).toBe('12:00:00.2')
  })
  it('stay few for a view of two months', () => {
    const wide = ticks({ fromMs: NOON, toMs: NOON + 60 * DAY_MS }, 1400, 90)
    expect(wide.length).toBeLessThanOrEqual(15)
    expect(wide.every((t) => t.midnight)).toBe(true)
  })
})

describe('stretches', () => {
  it('are cut at the edges of the view', () => {
    expect(boundsOf(HOUR, 1200, { fromMs: NOON - HOUR_MS, toMs: NOON + 3 * MINUTE_MS }, 2)).toEqual({ x: 0, w: 60 })
    expect(boundsOf(HOUR, 1200, { fromMs: NOON + HOUR_MS, toMs: NOON + 2 * HOUR_MS }, 2)).toBeNull()
  })
  it('of one second are seen in a view of two months', () => {
    const wide = { fromMs: NOON, toMs: NOON + 60 * DAY_MS }
    expect(boundsOf(wide, 1200, { fromMs: NOON + DAY_MS, toMs: NOON + DAY_MS + 1000 }, 2)).toEqual({ x: 20, w: 2 })
  })
  it('that overlap count once', () => {
    const stretches = [{ fromMs: NOON, toMs: NOON + 30 * MINUTE_MS }, { fromMs: NOON + 15 * MINUTE_MS, toMs: NOON + 45 * MINUTE_MS }]
    expect(shareCovered(HOUR, stretches)).toBe(0.75)
    expect(shareCovered(HOUR, [])).toBe(0)
  })
})
