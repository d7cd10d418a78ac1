/**
 * What the measured state is called and how it looks. Colour never stands alone: each tone has its own shape.
 * Words are keys of the message catalogues, with their parameters.
 */

import type { Alarm, CameraState, GapCause, HallState } from '@/api/types'
import { instant } from './beijing-time'

/** Disc: recording. Half disc: degraded. Ring: lost. Dash: unknown, or nothing wanted. */
export type Shape = 'disc' | 'half' | 'ring' | 'dash'
export type Tone = 'good' | 'degraded' | 'bad' | 'unknown'

export interface Words {
  key: string
  params?: Record<string, string | number>
}

export interface Mark {
  shape: Shape
  tone: Tone
  words: Words
  /** Since when, for the states in which that matters. */
  sinceMs: number | null
}

export const SHAPE_OF: Record<Tone, Shape> = { good: 'disc', degraded: 'half', bad: 'ring', unknown: 'dash' }

/** The mark of one camera. `known` is false while the server is not heard: then nothing is claimed. */
export function cameraMark(state: CameraState | undefined, known: boolean): Mark {
  if (!known || !state) return { shape: 'dash', tone: 'unknown', words: { key: 'state.unknown' }, sinceMs: null }
  const sinceMs = instant(state.since)
  if (!state.desired) return { shape: 'dash', tone: 'unknown', words: { key: 'state.off' }, sinceMs: null }
  switch (state.state) {
    case 'starting':
      return { shape: 'dash', tone: 'unknown', words: { key: 'state.starting' }, sinceMs: null }
    case 'recording':
      return { shape: 'disc', tone: 'good', words: { key: 'state.recording' }, sinceMs: null }
    case 'degraded':
      return { shape: 'half', tone: 'degraded', words: { key: degradedKey(state) }, sinceMs }
    case 'not-recording':
      return { shape: 'ring', tone: 'bad', words: { key: 'state.notRecording' }, sinceMs }
  }
}

function degradedKey(state: CameraState): string {
  if (state.stamp_mode === 'reencode' && !state.stamped) return 'state.unstamped'
  if (state.video && !state.audio) return 'state.silent'
  return 'state.degraded'
}

const WEIGHT: Record<Tone, number> = { good: 0, degraded: 1, unknown: 2, bad: 3 }

/** The worst of several marks, for a zone; a zone without cameras is unknown. */
export function worstTone(marks: Mark[]): Tone {
  return marks.reduce<Tone>((worst, m) => (WEIGHT[m.tone] > WEIGHT[worst] ? m.tone : worst), marks.length > 0 ? 'good' : 'unknown')
}

export interface TruthLine {
  tone: Tone
  parts: (Words & { tone: Tone })[]
  /** The camera to look at first, if one is to blame. */
  camera: string | null
  /** Standing alarms, and their tone; `null` when there are none, or nothing is known. */
  alarms: { count: number; tone: Tone } | null
}

/** The tone of an alarm: something is at stake now, or will be unless somebody acts. */
export function alarmTone(alarm: Alarm): Tone {
  return alarm.severity === 'warning' ? 'degraded' : 'bad'
}

/** The header's line of truth. */
export function truthLine(state: HallState | null, known: boolean): TruthLine {
  if (!state || !known) return { tone: 'unknown', parts: [{ key: 'truth.unknown', tone: 'unknown' }], camera: null, alarms: null }
  const wanted = state.cameras.filter((c) => c.desired)
  const lost = wanted.filter((c) => c.state === 'not-recording')
  const starting = wanted.filter((c) => c.state === 'starting')
  const degraded = wanted.filter((c) => c.state === 'degraded')
  const missing = state.should_record - state.recording
  // While cameras are only starting nothing is lost yet, but nothing is claimed either.
  const recordingTone: Tone = missing <= 0 ? 'good' : lost.length === 0 && starting.length >= missing ? 'degraded' : 'bad'
  const parts: TruthLine['parts'] = [
    { key: 'truth.wanted', params: { n: state.should_record }, tone: 'good' },
    { key: 'truth.recording', params: { n: state.recording }, tone: recordingTone },
  ]
  if (degraded.length > 0) parts.push({ key: 'truth.degraded', params: { n: degraded.length }, tone: 'degraded' })
  // A disk that refuses raises an alarm; until that stands, the line says it itself.
  const alarmed = new Set(state.alarms.map((a) => a.subject))
  if (state.storage.some((s) => !s.writable && !alarmed.has(s.path))) parts.push({ key: 'truth.diskFails', tone: 'bad' })
  const worst = (tones: Tone[]) => tones.reduce<Tone>((w, t) => (WEIGHT[t] > WEIGHT[w] ? t : w), 'good')
  const alarms = state.alarms.length > 0 ? { count: state.alarms.length, tone: worst(state.alarms.map(alarmTone)) } : null
  // A warning is shown beside the line; what is at stake now colours it.
  const tone = alarms?.tone === 'bad' ? 'bad' : worst(parts.map((p) => p.tone))
  const camera = (lost[0] ?? starting[0] ?? degraded[0])?.id ?? null
  return { tone, parts, camera, alarms }
}

/** Kinds of cause that share a colour and a letter on the timeline. */
export type CauseGroup = 'camera' | 'refused' | 'machine' | 'recorder' | 'operator' | 'unknown'

export const CAUSE_GROUP: Record<GapCause, CauseGroup> = {
  'camera-unreachable': 'camera',
  'camera-closed': 'camera',
  'camera-stalled': 'camera',
  authentication: 'refused',
  'unsupported-stream': 'refused',
  'format-changed': 'refused',
  disk: 'machine',
  overload: 'machine',
  'stamp-failed': 'machine',
  'recorder-restart': 'recorder',
  'recorder-stopped': 'recorder',
  'clock-step': 'recorder',
  operator: 'operator',
  unknown: 'unknown',
}

export const CAUSE_GROUPS: CauseGroup[] = ['camera', 'refused', 'machine', 'recorder', 'operator', 'unknown']

/** Colours of the groups, after Okabe and Ito: distinguishable to colour-blind eyes, and each also carries a letter. */
export const GROUP_COLOUR: Record<CauseGroup, string> = {
  camera: '#c05000',
  refused: '#b0478c',
  machine: '#8a1c1c',
  recorder: '#2f6690',
  operator: '#6d747e',
  unknown: '#22262b',
}

/** The group of a cause, also of one that a newer server knows and this page does not. */
export function causeGroup(cause: string): CauseGroup {
  return CAUSE_GROUP[cause as GapCause] ?? 'unknown'
}
