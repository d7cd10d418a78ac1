/** What is said of a storage root: its state, how full it is, and how long it lasts. */

import type { Alarm, HallState, StorageState } from '@/api/types'
import { STORAGE_FAULTS } from '@/api/types'
import type { Mark, Tone, Words } from './state-words'
import { SHAPE_OF, alarmTone } from './state-words'
import { MINUTE_MS, instant } from './beijing-time'

/** The mark of a root. `known` is false while the server is not heard: then nothing is claimed. */
export function storageMark(root: StorageState, known: boolean): Mark {
  const mark = (tone: Tone, key: string): Mark => ({ shape: SHAPE_OF[tone], tone, words: { key }, sinceMs: null })
  if (!known) return mark('unknown', 'state.unknown')
  if (root.writable && root.fault === null) return mark('good', 'storage.state.writable')
  // A fault that only a newer server knows is a fault all the same.
  const fault = STORAGE_FAULTS.find((f) => f === root.fault) ?? 'failing'
  return mark('bad', `storage.state.${fault}`)
}

/** A root as shares of its size, 0 to 1: what is taken, and where the reserve begins. `null` when its size is not known. */
export function storageBar(root: StorageState): { used: number; reserveFrom: number } | null {
  if (root.total_bytes <= 0) return null
  const share = (bytes: number) => Math.min(1, Math.max(0, bytes / root.total_bytes))
  return { used: 1 - share(root.free_bytes), reserveFrom: 1 - share(root.reserve_bytes) }
}

/** The recorder looks ahead when its rates are measured: before that nothing is known of the days to come. */
const FIRST_FORECAST_MS = MINUTE_MS

/** Whether the state's forecasts may be believed. */
export function forecastKnown(state: HallState): boolean {
  return instant(state.at) - instant(state.started) >= FIRST_FORECAST_MS
}

/**
 * How long the root lasts; `null` when there is nothing to say: it takes nothing, nobody writes there, or nobody has looked ahead yet.
 * A day that is far away is told; it becomes as grave as its alarm.
 */
export function storageForecast(root: StorageState, alarms: Alarm[], ahead: boolean): (Words & { tone: Tone }) | null {
  if (root.full_on !== null) {
    const alarm = alarms.find((a) => a.code === 'storage-forecast' && a.subject === root.path)
    return { key: 'storage.fullOn', params: { date: root.full_on }, tone: alarm ? alarmTone(alarm) : 'degraded' }
  }
  if (!ahead || !root.writable || root.fault !== null || root.bytes_per_second <= 0) return null
  return { key: 'storage.carries', tone: 'good' }
}
