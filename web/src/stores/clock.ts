import { ref } from 'vue'
import { clockOffset } from '@/pure/server-feed'

/** A clock of our own that only moves forward, for durations. Renewed four times a second. */
export const tick = ref(performance.now())
/** The server's time, as far as it is known. */
export const serverNow = ref(Date.now())

let offsets: number[] = []
let offsetMs = 0

/** Takes in the moment of a measurement that has just arrived. */
export function hearTime(atMs: number) {
  const heard = clockOffset(offsets, atMs, Date.now())
  offsets = heard.offsets
  offsetMs = heard.offsetMs
}

/** The server's time at this very moment. */
export function serverTime(): number {
  return Date.now() + offsetMs
}

function beat() {
  tick.value = performance.now()
  serverNow.value = serverTime()
}

setInterval(beat, 250)
document.addEventListener('visibilitychange', beat)
