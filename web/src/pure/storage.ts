/** What is said of a storage root: its state, how full it is, and how long it lasts. */

import type { StorageState } from '@/api/types'
import { STORAGE_FAULTS } from '@/api/types'
import type { Mark, Tone, Words } from './state-words'
import { SHAPE_OF } from './state-words'

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

/** How long the root lasts; `null` when there is nothing to say: it takes nothing, or nobody writes there. */
export function storageForecast(root: StorageState): (Words & { tone: Tone }) | null {
  if (root.full_on !== null) return { key: 'storage.fullOn', params: { date: root.full_on }, tone: 'bad' }
  if (!root.writable || root.fault !== null || root.bytes_per_second <= 0) return null
  return { key: 'storage.carries', tone: 'good' }
}
