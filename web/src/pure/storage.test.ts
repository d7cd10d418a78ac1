import { describe, expect, it } from 'vitest'
import type { Alarm, HallState, StorageFault, StorageState } from '@/api/types'
import { STORAGE_FAULTS } from '@/api/types'
import zh from '@/i18n/zh'
import { forecastKnown, storageBar, storageForecast, storageMark } from './storage'

function root(change: Partial<StorageState> = {}): StorageState {
  return {
    path: '/srv/a', free_bytes: 1e12, total_bytes: 4e12, writable: true, fault: null, detail: null, reserve_bytes: 1e11,
    cameras: ['C1'], bytes_per_second: 400_000, syncs: 12, full_on: null, ...change,
  }
}

describe('the mark of a storage root', () => {
  it('is a disc only while it takes recordings and the server is heard', () => {
    expect(storageMark(root(), true)).toEqual({ shape: 'disc', tone: 'good', words: { key: 'storage.state.writable' }, sinceMs: null })
    expect(storageMark(root({ writable: false, fault: 'full' }), false)).toMatchObject({ shape: 'dash', words: { key: 'state.unknown' } })
  })
  it('names every fault in words', () => {
    const said = STORAGE_FAULTS.map((fault) => {
      const { tone, words } = storageMark(root({ writable: false, fault }), true)
      expect(tone).toBe('bad')
      return zh.storage.state[words.key.split('.').at(-1) as StorageFault]
    })
    expect(said).toEqual(['已满', '只读', '未挂载', '过慢', '故障'])
  })
  it('does not take an unknown fault for none', () => {
    expect(storageMark(root({ fault: 'haunted' as StorageFault }), true).words.key).toBe('storage.state.failing')
    expect(storageMark(root({ writable: false }), true).words.key).toBe('storage.state.failing')
  })
})

describe('the bar of a storage root', () => {
  it('shows what is taken and where the reserve begins', () => {
    expect(storageBar(root())).toEqual({ used: 0.75, reserveFrom: 0.975 })
  })
  it('never leaves its frame', () => {
    expect(storageBar(root({ free_bytes: 5e12, reserve_bytes: 9e12 }))).toEqual({ used: 0, reserveFrom: 0 })
    expect(storageBar(root({ total_bytes: 0 }))).toBeNull()
  })
})

describe('the forecast', () => {
  const words = { zh: '存储目录 /srv/a 预计 2026-12-03 到达下限', en: 'root /srv/a reaches its floor on 2026-12-03' }
  const alarm: Alarm = { code: 'storage-forecast', subject: '/srv/a', severity: 'critical', since: '2026-12-01T08:00:00.000+08:00', text: words, action: words }
  const said = { key: 'storage.fullOn', params: { date: '2026-12-03' } }

  it('tells the day on which a root is full, whatever else is wrong', () => {
    expect(storageForecast(root({ full_on: '2026-12-03' }), [], true)).toEqual({ ...said, tone: 'degraded' })
    expect(storageForecast(root({ full_on: '2026-12-03', writable: false, fault: 'slow' }), [], false)).toEqual({ ...said, tone: 'degraded' })
  })
  it('is as grave as the alarm of this root', () => {
    const full = root({ full_on: '2026-12-03' })
    expect(storageForecast(full, [alarm], true)?.tone).toBe('bad')
    expect(storageForecast(full, [{ ...alarm, severity: 'warning' }], true)?.tone).toBe('degraded')
    expect(storageForecast(full, [{ ...alarm, subject: '/srv/b' }], true)?.tone).toBe('degraded')
  })
  it('says that the floor is carried only where something is recorded and somebody has looked ahead', () => {
    expect(storageForecast(root(), [], true)).toEqual({ key: 'storage.carries', tone: 'good' })
    expect(storageForecast(root(), [], false)).toBeNull()
    expect(storageForecast(root({ bytes_per_second: 0, cameras: [] }), [], true)).toBeNull()
    expect(storageForecast(root({ writable: false, fault: 'gone' }), [], true)).toBeNull()
  })
  it('is not believed in the first minute after the start', () => {
    const at = (time: string) => forecastKnown({ at: `2026-11-22T${time}+08:00`, started: '2026-11-22T14:50:00.000+08:00' } as HallState)
    expect([at('14:50:20.000'), at('14:50:59.999'), at('14:51:00.000')]).toEqual([false, false, true])
  })
})
