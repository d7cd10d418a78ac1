/** Keeps the lanes of the timeline and the days of the calendar filled for what is shown. */

import { shallowRef, watch } from 'vue'
import type { Ref } from 'vue'
import { asApiError, readTimeline } from '@/api/client'
import { DAY_MS, SECOND_MS, monthGrid } from '@/pure/beijing-time'
import type { Lane } from '@/pure/lane'
import { gapsOf, removedOf, spansOf } from '@/pure/lane'
import type { DayHolding, Source } from '@/pure/playback'
import { holdings } from '@/pure/playback'
import type { View } from '@/pure/timeline-geometry'
import { serverTime } from '@/stores/clock'

const SETTLE_MS = 180
const RENEW_MS = 5 * SECOND_MS

/** Lanes for `sources` over the view and some time to both sides; old content stays until new has come. */
export function useLanes(sources: Ref<Source[]>, view: Ref<View>, label: (s: Source) => string) {
  const lanes = shallowRef<Lane[]>([])
  const failed = shallowRef<string | null>(null)
  let timer: ReturnType<typeof setTimeout> | undefined
  let running: AbortController | null = null

  async function renew() {
    clearTimeout(timer)
    running?.abort()
    const mine = new AbortController()
    running = mine
    const length = view.value.toMs - view.value.fromMs
    const [fromMs, toMs] = [view.value.fromMs - length / 2, Math.min(view.value.toMs + length / 2, serverTime() + SECOND_MS)]
    try {
      if (fromMs < toMs) {
        const read = await Promise.all(sources.value.map((s) => readTimeline(s, fromMs, toMs, mine.signal)))
        lanes.value = read.map((r, i) => {
          const source = sources.value[i]!
          return { key: `${source.kind}${source.id}`, label: label(source), spans: spansOf(r), gaps: gapsOf(r), removed: removedOf(r) }
        })
      }
      failed.value = null
    } catch (e) {
      if (mine.signal.aborted) return
      failed.value = asApiError(e).words
    }
    if (!mine.signal.aborted && toMs > serverTime() - RENEW_MS) timer = setTimeout(renew, RENEW_MS)
  }

  watch(view, () => {
    clearTimeout(timer)
    timer = setTimeout(renew, SETTLE_MS)
  })
  watch(sources, () => {
    lanes.value = sources.value.map((s) => ({ key: `${s.kind}${s.id}`, label: label(s), spans: [], gaps: [], removed: [] }))
    void renew()
  }, { immediate: true })

  return { lanes, failed, stop: () => { clearTimeout(timer); running?.abort() } }
}

/** What each day of a month holds for one source. A month that cannot be read shows nothing held; the timeline says why. */
export function useHoldings(source: Ref<Source | null>, year: Ref<number>, month: Ref<number>) {
  const held = shallowRef(new Map<number, DayHolding>())
  let order = 0
  watch([source, year, month], async ([s, y, m]) => {
    const mine = ++order
    if (!s) return held.value = new Map()
    const days = monthGrid(y, m).flat()
    try {
      const read = await readTimeline(s, days[0]!, Math.min(days.at(-1)! + DAY_MS, serverTime() + SECOND_MS))
      if (mine === order) held.value = holdings(days, spansOf(read), gapsOf(read), removedOf(read))
    } catch {
      if (mine === order) held.value = new Map()
    }
  }, { immediate: true })
  return held
}
