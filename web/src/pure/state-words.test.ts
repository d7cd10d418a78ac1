import { describe, expect, it } from 'vitest'
import type { Alarm, CameraState, HallState, StorageState } from '@/api/types'
import { GAP_CAUSES } from '@/api/types'
import { CAUSE_GROUP, GROUP_COLOUR, alarmTone, cameraMark, causeGroup, truthLine, worstTone } from './state-words'

function camera(id: string, change: Partial<CameraState> = {}): CameraState {
  return {
    id, kind: 'fixed', desired: true, state: 'recording', since: '2026-11-22T08:00:00.000+08:00',
    newest_part: '2026-11-22T14:50:02.000+08:00', age_ms: 900, cause: null, cause_text: null, action: null, detail: null,
    stamp_mode: 'reencode', stamped: true, wall_picture: false, camera_clock: null,
    video: { codec: 'H.264', width: 1920, height: 1080, frames_per_second: 25, bitrate_kbps: 3000 },
    audio: { codec: 'G.711 A-law', sample_rate: 8000, bitrate_kbps: 64, level_dbfs: -30 },
    time_source: 'sender-report', clock_skew_ms: 3, clock: null, connections: 1, ...change,
  }
}

const DISK: StorageState = {
  path: '/srv/a', free_bytes: 1, total_bytes: 2, writable: true, fault: null, detail: null, reserve_bytes: 1, cameras: ['C1'],
  bytes_per_second: 375_000, syncs: 9, full_on: null,
}

function alarm(severity: Alarm['severity'], subject = ''): Alarm {
  const words = { zh: '存储目录已满', en: 'The storage root is full' }
  return { code: 'storage-full', subject, severity, since: '2026-11-22T14:00:00.000+08:00', text: words, action: words }
}

function hall(cameras: CameraState[], change: Partial<HallState> = {}): HallState {
  const wanted = cameras.filter((c) => c.desired)
  return {
    at: '2026-11-22T14:50:03.000+08:00', started: '2026-11-22T08:00:00.000+08:00',
    should_record: wanted.length, recording: wanted.filter((c) => c.state === 'recording' || c.state === 'degraded').length,
    oldest_footage: null, cameras, storage: [DISK],
    clock: { synchronised: true, max_error_ms: 12, limit_ms: 1000, source: 'kernel', leap: null }, alarms: [], ...change,
  }
}

const LOST = camera('C3', { state: 'not-recording', cause: 'camera-unreachable' })

describe('the mark of a camera', () => {
  it('is a green disc only for a recording measured now', () => {
    expect(cameraMark(camera('C1'), true)).toMatchObject({ shape: 'disc', tone: 'good' })
    expect(cameraMark(camera('C1'), false)).toMatchObject({ shape: 'dash', tone: 'unknown', words: { key: 'state.unknown' } })
    expect(cameraMark(undefined, true)).toMatchObject({ shape: 'dash', tone: 'unknown' })
  })
  it('says what is missing from a degraded recording', () => {
    expect(cameraMark(camera('C1', { state: 'degraded', stamped: false }), true)).toMatchObject({ shape: 'half', words: { key: 'state.unstamped' } })
    expect(cameraMark(camera('C1', { state: 'degraded', audio: null }), true)).toMatchObject({ words: { key: 'state.silent' } })
    expect(cameraMark(camera('C1', { state: 'degraded', stamped: false, stamp_mode: 'camera' }), true)).toMatchObject({ words: { key: 'state.degraded' } })
  })
  it('is a ring with its beginning when nothing is recorded', () => {
    expect(cameraMark(LOST, true)).toEqual({
      shape: 'ring', tone: 'bad', words: { key: 'state.notRecording' }, sinceMs: Date.UTC(2026, 10, 22, 0),
    })
  })
  it('does not call a camera lost that nobody wants recorded', () => {
    expect(cameraMark(camera('C1', { desired: false, state: 'not-recording' }), true)).toMatchObject({ shape: 'dash', words: { key: 'state.off' } })
  })
  it('of a zone is the worst of its cameras', () => {
    const [good, bad, unknown] = [cameraMark(camera('C1'), true), cameraMark(LOST, true), cameraMark(undefined, true)]
    expect(worstTone([good, bad, unknown])).toBe('bad')
    expect(worstTone([good, unknown])).toBe('unknown')
    expect(worstTone([good])).toBe('good')
    expect(worstTone([])).toBe('unknown')
  })
})

describe('the line of truth', () => {
  it('is calm when every camera that should record does', () => {
    const line = truthLine(hall([camera('C1'), camera('C2')]), true)
    expect(line).toMatchObject({ tone: 'good', camera: null })
    expect(line.parts.map((p) => p.params?.n)).toEqual([2, 2])
  })
  it('is red the moment one does not, and leads to it', () => {
    expect(truthLine(hall([camera('C1'), LOST]), true)).toMatchObject({ tone: 'bad', camera: 'C3' })
  })
  it('is red when the counts differ even if no camera admits it', () => {
    expect(truthLine(hall([camera('C1')], { should_record: 2 }), true).tone).toBe('bad')
  })
  it('claims nothing while the server is not heard', () => {
    expect(truthLine(hall([camera('C1')]), false)).toMatchObject({ tone: 'unknown', parts: [{ key: 'truth.unknown' }] })
    expect(truthLine(null, true).tone).toBe('unknown')
  })
  it('is amber while cameras only start, and when something is missing from a recording', () => {
    expect(truthLine(hall([camera('C1', { state: 'starting' })]), true)).toMatchObject({ tone: 'degraded', camera: 'C1' })
    expect(truthLine(hall([camera('C1', { state: 'degraded', stamped: false })]), true)).toMatchObject({ tone: 'degraded', camera: 'C1' })
  })
  it('is red when a disk refuses', () => {
    const disk: StorageState = { ...DISK, writable: false, fault: 'read-only', detail: 'read-only' }
    expect(truthLine(hall([camera('C1')], { storage: [disk] }), true)).toMatchObject({ tone: 'bad', alarms: null })
    const alarmed = truthLine(hall([camera('C1')], { storage: [disk], alarms: [alarm('critical', '/srv/a')] }), true)
    expect(alarmed).toMatchObject({ tone: 'bad', alarms: { count: 1, tone: 'bad' } })
    expect(alarmed.parts.map((p) => p.key)).toEqual(['truth.wanted', 'truth.recording'])
  })
  it('counts the alarms; a warning leaves it calm, a critical one does not', () => {
    expect(truthLine(hall([camera('C1')]), true).alarms).toBeNull()
    expect(truthLine(hall([camera('C1')], { alarms: [alarm('warning')] }), true)).toMatchObject({ tone: 'good', alarms: { count: 1, tone: 'degraded' } })
    const both = truthLine(hall([camera('C1')], { alarms: [alarm('critical'), alarm('warning')] }), true)
    expect(both).toMatchObject({ tone: 'bad', alarms: { count: 2, tone: 'bad' } })
  })
  it('claims no alarm while the server is not heard', () => {
    expect(truthLine(hall([camera('C1')], { alarms: [alarm('critical')] }), false)).toMatchObject({ tone: 'unknown', alarms: null })
  })
})

describe('an alarm', () => {
  it('of a kind this page does not know is taken for the gravest', () => {
    expect(['warning', 'critical', 'disaster'].map((s) => alarmTone(alarm(s as Alarm['severity'])))).toEqual(['degraded', 'bad', 'bad'])
  })
})

describe('causes', () => {
  it('have a group and every group its own colour', () => {
    for (const cause of GAP_CAUSES) expect(GROUP_COLOUR[CAUSE_GROUP[cause]]).toMatch(/^#/)
    expect(new Set(Object.values(GROUP_COLOUR)).size).toBe(6)
  })
  it('that a newer server invents are unknown', () => {
    expect(causeGroup('solar-flare')).toBe('unknown')
  })
})
