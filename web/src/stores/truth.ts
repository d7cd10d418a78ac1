/** The measured state of the hall, and whether it may be believed at this moment. */

import { computed, ref, shallowRef } from 'vue'
import { asApiError, readSession } from '@/api/client'
import type { CameraState, HallState } from '@/api/types'
import { instant } from '@/pure/beijing-time'
import { reconnectDelayMs } from '@/pure/live-policy'
import { feedOf } from '@/pure/server-feed'
import type { Mark } from '@/pure/state-words'
import { cameraMark, truthLine } from '@/pure/state-words'
import { hearTime, tick } from './clock'

export const hallState = shallowRef<HallState | null>(null)
const broken = ref(false)
const heardMs = ref<number | null>(null)
const advancedMs = ref<number | null>(null)
const openedMs = ref(performance.now())

/** How the feed stands. Only `heard` allows any claim. */
export const feed = computed(() =>
  feedOf({ nowMs: tick.value, openedMs: openedMs.value, broken: broken.value, heardMs: heardMs.value, advancedMs: advancedMs.value }),
)
export const known = computed(() => feed.value === 'heard')
/** How long nothing new has been known. */
export const unknownForMs = computed(() => tick.value - (advancedMs.value ?? openedMs.value))

export const line = computed(() => truthLine(hallState.value, known.value))

const byId = computed(() => new Map(hallState.value?.cameras.map((c) => [c.id, c])))

/** The newest measured state of a camera, even when it may no longer be believed. */
export function stateOf(camera: string): CameraState | undefined {
  return byId.value.get(camera)
}

export function markOf(camera: string): Mark {
  return cameraMark(byId.value.get(camera), known.value)
}

let source: EventSource | null = null
let again: ReturnType<typeof setTimeout> | undefined
let attempt = 0

function hear(event: MessageEvent<string>) {
  const state = JSON.parse(event.data) as HallState
  const now = performance.now()
  if (state.at !== hallState.value?.at) {
    advancedMs.value = now
    hearTime(instant(state.at))
  }
  heardMs.value = now
  tick.value = now
  hallState.value = state
  broken.value = false
  attempt = 0
}

/** Begins to listen. The connection is renewed by itself. */
export function listen() {
  hush()
  openedMs.value = performance.now()
  connect()
}

function connect() {
  source = new EventSource('/api/v1/state/events')
  source.addEventListener('state', hear)
  source.onerror = () => {
    broken.value = true
    source?.close()
    source = null
    clearTimeout(again)
    again = setTimeout(renew, reconnectDelayMs(attempt, Math.random()))
    attempt += 1
  }
}

/** An event source does not tell why it failed; asking for the session does, and leads to the sign-in page if that is the reason. */
async function renew() {
  try {
    await readSession()
  } catch (e) {
    if (asApiError(e).code === 'not-signed-in') return
    again = setTimeout(renew, reconnectDelayMs(attempt, Math.random()))
    attempt += 1
    return
  }
  connect()
}

export function hush() {
  clearTimeout(again)
  source?.close()
  source = null
  broken.value = false
  heardMs.value = null
  advancedMs.value = null
  hallState.value = null
}
