/** Numbers with their units. */

/** Bytes as disks are sold, in decimal units: `1.82 TB`, `734 GB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000
    unit += 1
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2
  return `${value.toFixed(digits)} ${units[unit]}`
}

/** A length of time up to seconds exactly, above coarsely: `0.9 s`, `12 s`, `3 min`, `5 h`. */
export function formatAge(ms: number): { value: string; unit: 's' | 'min' | 'h' | 'd' } {
  const s = Math.max(0, ms) / 1000
  if (s < 10) return { value: s.toFixed(1), unit: 's' }
  if (s < 120) return { value: String(Math.floor(s)), unit: 's' }
  if (s < 7200) return { value: String(Math.floor(s / 60)), unit: 'min' }
  if (s < 172_800) return { value: String(Math.floor(s / 3600)), unit: 'h' }
  return { value: String(Math.floor(s / 86_400)), unit: 'd' }
}

/** A difference with its sign: `+12`, `−340`. */
export function formatSigned(value: number): string {
  const rounded = Math.round(value)
  return rounded < 0 ? `−${-rounded}` : rounded > 0 ? `+${rounded}` : '0'
}

/** Milliseconds as signed seconds: `+0.12`, `−5.0`, `+28800`. Close differences show two digits, far ones none. */
export function formatSkew(ms: number): string {
  const s = Math.abs(ms) / 1000
  const text = s < 1 ? s.toFixed(2) : s < 100 ? s.toFixed(1) : s.toFixed(0)
  return Number(text) === 0 ? '0' : `${ms < 0 ? '−' : '+'}${text}`
}

/** Loudness as the filled share of a bar: −60 dB is empty, 0 dB full. */
export function levelShare(dbfs: number): number {
  return Math.min(1, Math.max(0, (dbfs + 60) / 60))
}
