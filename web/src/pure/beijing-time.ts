/**
 * Beijing time (Asia/Shanghai, +08:00 without summer time since 1991), independent of the browser's own zone.
 * Instants are milliseconds since 1970-01-01T00:00:00Z.
 */

export const SECOND_MS = 1000
export const MINUTE_MS = 60 * SECOND_MS
export const HOUR_MS = 60 * MINUTE_MS
export const DAY_MS = 24 * HOUR_MS
const OFFSET_MS = 8 * HOUR_MS

function two(value: number): string {
  return String(value).padStart(2, '0')
}

/** The Beijing calendar fields of an instant. `weekday` is 0 for Sunday. */
export function beijingFields(ms: number) {
  const shifted = new Date(ms + OFFSET_MS)
  return {
    year: shifted.getUTCFullYear(),
    month: shifted.getUTCMonth() + 1,
    day: shifted.getUTCDate(),
    weekday: shifted.getUTCDay(),
    hour: shifted.getUTCHours(),
    minute: shifted.getUTCMinutes(),
    second: shifted.getUTCSeconds(),
    millisecond: shifted.getUTCMilliseconds(),
  }
}

/** `2026-11-22`. */
export function formatDay(ms: number): string {
  const f = beijingFields(ms)
  return `${f.year}-${two(f.month)}-${two(f.day)}`
}

/** `14:50:03`. */
export function formatTime(ms: number): string {
  const f = beijingFields(ms)
  return `${two(f.hour)}:${two(f.minute)}:${two(f.second)}`
}

/** `14:50:03.4`: cut, not rounded, so that the second never runs ahead of the picture. */
export function formatTenths(ms: number): string {
  return `${formatTime(ms)}.${Math.floor(beijingFields(ms).millisecond / 100)}`
}

/** `2026-11-22 14:50:03`. */
export function formatDateTime(ms: number): string {
  return `${formatDay(ms)} ${formatTime(ms)}`
}

/** `2026-11-22 14:50:03.4`. */
export function formatDateTenths(ms: number): string {
  return `${formatDay(ms)} ${formatTenths(ms)}`
}

/** `2026-11-22T14:50:03.400+08:00`, the form the server reads. */
export function toRfc3339(ms: number): string {
  const millis = String(beijingFields(ms).millisecond).padStart(3, '0')
  return `${formatDay(ms)}T${formatTime(ms)}.${millis}+08:00`
}

/** Reads RFC 3339 with an offset; `null` when it is no such time. */
export function parseRfc3339(text: string): number | null {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text)) return null
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? null : ms
}

/** Reads a time from the server, which is never malformed; `NaN` if it is, so that nothing plausible is shown. */
export function instant(text: string): number {
  return parseRfc3339(text) ?? Number.NaN
}

/** Beijing midnight of a day written `2026-11-22`; `null` when there is no such day. */
export function startOfDay(day: string): number | null {
  const parts = /^(\d{4})-(\d\d)-(\d\d)$/.exec(day)
  if (!parts) return null
  const ms = Date.UTC(Number(parts[1]), Number(parts[2]) - 1, Number(parts[3])) - OFFSET_MS
  return formatDay(ms) === day ? ms : null
}

/** Beijing midnight before or at an instant. */
export function dayFloor(ms: number): number {
  return Math.floor((ms + OFFSET_MS) / DAY_MS) * DAY_MS - OFFSET_MS
}

/** Reads a time of day such as `9:05`, `09:05:30` or `090530.5` into milliseconds since midnight; `null` when it is none. */
export function parseTimeOfDay(text: string): number | null {
  const t = text.trim().replace(/：/g, ':')
  const parts = /^(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,3}))?)?$/.exec(t) ?? /^(\d\d)(\d\d)(?:(\d\d)(?:\.(\d{1,3}))?)?$/.exec(t)
  if (!parts) return null
  const [hour, minute, second] = [Number(parts[1]), Number(parts[2]), Number(parts[3] ?? 0)]
  if (hour > 23 || minute > 59 || second > 59) return null
  return hour * HOUR_MS + minute * MINUTE_MS + second * SECOND_MS + Number((parts[4] ?? '0').padEnd(3, '0'))
}

/** A length of time as a counter: `00:07`, `12:34`, `3:05:09`. Never negative. */
export function formatCounter(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / SECOND_MS))
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${two(m)}:${two(s)}`
}

/** The weeks of a month as Beijing midnights, Monday first, with the neighbours' days that fill the first and last week. */
export function monthGrid(year: number, month: number): number[][] {
  const first = Date.UTC(year, month - 1, 1) - OFFSET_MS
  const lead = (beijingFields(first).weekday + 6) % 7
  const days = new Date(Date.UTC(year, month, 0)).getUTCDate()
  const weeks = Math.ceil((lead + days) / 7)
  return Array.from({ length: weeks }, (_, w) =>
    Array.from({ length: 7 }, (_, d) => first + (w * 7 + d - lead) * DAY_MS),
  )
}
