import { describe, expect, it } from 'vitest'
import {
  dayFloor,
  formatCounter,
  formatDateTenths,
  formatDateTime,
  formatDay,
  monthGrid,
  parseRfc3339,
  parseTimeOfDay,
  startOfDay,
  toRfc3339,
} from './beijing-time'

const AFTERNOON = Date.UTC(2026, 10, 22, 6, 50, 3, 456)

describe('Beijing time', () => {
  it('does not follow the zone of the browser', () => {
    const zone = process.env.TZ
    for (const tz of ['America/Sao_Paulo', 'Asia/Tokyo', 'UTC']) {
      process.env.TZ = tz
      expect(formatDateTime(AFTERNOON)).toBe('2026-11-22 14:50:03')
    }
    process.env.TZ = zone
  })
  it('cuts tenths instead of rounding them', () => {
    expect(formatDateTenths(AFTERNOON)).toBe('2026-11-22 14:50:03.4')
    expect(formatDateTenths(AFTERNOON + 543)).toBe('2026-11-22 14:50:03.9')
  })
  it('changes the day at Beijing midnight', () => {
    expect(formatDay(Date.UTC(2026, 10, 22, 15, 59, 59))).toBe('2026-11-22')
    expect(formatDay(Date.UTC(2026, 10, 22, 16))).toBe('2026-11-23')
    expect(dayFloor(Date.UTC(2026, 10, 22, 15, 59))).toBe(Date.UTC(2026, 10, 21, 16))
  })
  it('writes what the server reads', () => {
    expect(toRfc3339(AFTERNOON)).toBe('2026-11-22T14:50:03.456+08:00')
    expect(parseRfc3339('2026-11-22T14:50:03.456+08:00')).toBe(AFTERNOON)
    expect(parseRfc3339('2026-11-22T14:50:03.456789+08:00')).toBe(AFTERNOON)
  })
  it('refuses times without an offset, which would be read in the browser zone', () => {
    expect(parseRfc3339('2026-11-22T14:50:03')).toBeNull()
    expect(parseRfc3339('yesterday')).toBeNull()
    expect(parseRfc3339('2026-13-22T14:50:03+08:00')).toBeNull()
  })
  it('knows which days exist', () => {
    expect(startOfDay('2026-11-22')).toBe(Date.UTC(2026, 10, 21, 16))
    expect(startOfDay('2026-02-29')).toBeNull()
    expect(startOfDay('22.11.2026')).toBeNull()
  })
  it('reads times of day as people type them', () => {
    expect(parseTimeOfDay('9:05')).toBe(32_700_000)
    expect(parseTimeOfDay('09：05：30')).toBe(32_730_000)
    expect(parseTimeOfDay('090530.5')).toBe(32_730_500)
    expect(parseTimeOfDay('24:00')).toBeNull()
    expect(parseTimeOfDay('noon')).toBeNull()
  })
  it('counts', () => {
    expect(formatCounter(7_400)).toBe('00:07')
    expect(formatCounter(11_109_000)).toBe('3:05:09')
    expect(formatCounter(-5)).toBe('00:00')
  })
  it('lays out a month, Monday first', () => {
    const weeks = monthGrid(2026, 11)
    expect(weeks.length).toBe(6)
    expect(formatDay(weeks[0]![0]!)).toBe('2026-10-26')
    expect(formatDay(weeks[0]![6]!)).toBe('2026-11-01')
    expect(formatDay(weeks[5]![0]!)).toBe('2026-11-30')
    expect(monthGrid(2027, 2).length).toBe(4)
  })
})
