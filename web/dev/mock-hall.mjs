/** The hall that the mock server plays: a street centre with four windows, and a past with every kind of gap. */

const MINUTE = 60_000
const HOUR = 60 * MINUTE

export function rfc3339(ms) {
  return new Date(ms + 8 * HOUR).toISOString().replace('Z', '+08:00')
}

const camera = (id, kind, zone, windows, line2) => ({
  id, name: null, kind, zone, stamp: 'reencode', label: ['长春市朝阳区 重庆街道便民服务中心', line2], windows,
})
const win = (id, zone, cameraId, faces = null) => ({ id, name: null, zone, camera: cameraId, sound_camera: cameraId, faces })
const zone = (id, type) => ({ id, type, name: null, all_day: false })

export const hall = {
  name: '重庆街道便民服务中心',
  division: '长春市朝阳区',
  profile: 'changchun-2022/township-centre',
  version: '0.1.0-mock',
  zones: [zone('Z1', '综合受理区'), zone('Z2', '休息等候区'), zone('Z3', '咨询导服区'), zone('Z4', '自助申报区'), zone('Z5', '物料流转区')],
  windows: [win('01', 'Z1', 'C1'), win('02', 'Z1', 'C2'), win('03', 'Z1', 'C3', '04'), win('04', 'Z1', 'C3', '03')],
  cameras: [
    camera('C1', 'fixed', 'Z1', ['01'], '综合受理区 01 号窗口'),
    camera('C2', 'fixed', 'Z1', ['02'], '综合受理区 02 号窗口'),
    camera('C3', 'fixed', 'Z1', ['03', '04'], '综合受理区 03、04 号窗口'),
    camera('C4', 'ptz', 'Z2', [], '休息等候区 云台'),
    camera('C5', 'fixed', 'Z3', [], '咨询导服区'),
  ],
}

const WRONG = {
  lost: {
    state: 'not-recording', cause: 'camera-unreachable', stamped: false, video: null, audio: null,
    cause_text: { zh: '摄像机 192.0.2.13:554 不应答', en: 'Camera 192.0.2.13:554 does not answer' },
    action: { zh: '检查摄像机供电和网线,再看交换机对应端口的指示灯', en: 'Check the camera’s power and cable, then the light of its switch port' },
    detail: 'connect 192.0.2.13:554: no answer within 5 s (attempt 14)',
  },
  password: {
    state: 'not-recording', cause: 'authentication', stamped: false, video: null, audio: null,
    cause_text: { zh: '摄像机拒绝了用户名或口令', en: 'The camera refuses user name or password' },
    action: { zh: '核对 hall.toml 中该摄像机的 username 与口令文件', en: 'Compare username and password file of this camera in hall.toml' },
    detail: 'DESCRIBE: 401 Unauthorized',
  },
  unstamped: {
    state: 'degraded', cause: 'stamp-failed', stamped: false,
    cause_text: { zh: '画面未叠加时间和区划,录像照常进行', en: 'The picture carries no stamp; recording goes on' },
    action: { zh: '本机负载过高,叠加会自动恢复;反复出现时请减少叠加路数', en: 'The machine is overloaded; stamping returns by itself' },
    detail: 'encoder 1.4 s behind',
  },
}

const FAULTS = {
  full: ['storage-full', '存储目录已满，录像改存其它目录。', 'The storage root is full; recording goes on elsewhere.',
    '请增加磁盘或 [[storage]]；期限内的录像不会被删除。', 'Add a disk or a [[storage]]; footage inside the floor is never deleted.'],
  'read-only': ['storage-failing', '存储目录变为只读。', 'The storage root has turned read-only.', '请更换磁盘或重新挂载为可写。', 'Exchange the disk or remount it read-write.'],
  gone: ['storage-gone', '存储盘不在：未挂载或已被拔出。', 'The storage disk is not there: not mounted, or pulled out.',
    '请检查磁盘、连线和挂载（findmnt）；挂载后系统自动恢复使用。', 'Check disk, cable and mount (findmnt); it is taken back by itself.'],
  slow: ['storage-slow', '存储盘写入太慢或没有响应。', 'The storage disk is too slow or does not answer.', '请检查磁盘健康（smartctl -a）和负载。', 'Check the disk’s health (smartctl -a) and load.'],
  failing: ['storage-failing', '存储盘读写出错。', 'The storage disk reports errors.', '请查看 dmesg 和 smartctl -a，尽快更换磁盘。', 'See dmesg and smartctl -a, and exchange the disk soon.'],
}
const ROOTS = ['/srv/jiancha/a', '/srv/jiancha/b']

/** Two disks, the second with whatever ails it, and what is said about both. */
function storageAt(storage) {
  const root = (n, free, cameras, fault) => ({
    path: ROOTS[n], free_bytes: free, total_bytes: 4e12, writable: fault === null, fault, detail: fault && `${ROOTS[n]}: ${FAULTS[fault][2]}`,
    reserve_bytes: 0.1e12, cameras, bytes_per_second: cameras.length * 380_000, syncs: 4711, full_on: n === 1 && cameras.length > 0 ? '2026-12-03' : null,
  })
  const ill = storage.fault !== null
  return [root(0, 1.734e12, ill ? ['C1', 'C2', 'C3', 'C4', 'C5'] : ['C1', 'C3', 'C5'], null), root(1, storage.fault === 'full' ? 0.09e12 : 0.21e12, ill ? [] : ['C2', 'C4'], storage.fault)]
}

function alarmsAt(startedMs, storage) {
  const alarms = [{
    code: 'storage-forecast', subject: ROOTS[1], severity: 'warning', since: rfc3339(startedMs - 20 * HOUR),
    text: { zh: '预计 2026-12-03 存储到达下限，装不下规定期限的录像。', en: 'The storage is expected to reach its reserve on 2026-12-03, before the retention period is over.' },
    action: { zh: '请在此之前增加磁盘；jiancha plan 可算出需要多大的盘。', en: 'Add a disk before that day; `jiancha plan` tells how much is needed.' },
  }]
  if (storage.fault === null) return alarms
  const [code, zh, en, doZh, doEn] = FAULTS[storage.fault]
  return [{ code, subject: ROOTS[1], severity: 'critical', since: rfc3339(storage.since), text: { zh, en }, action: { zh: doZh, en: doEn } }, ...alarms]
}

/** The measured state. `wrong` maps cameras to what ails them, `storage` tells the fault of the second disk. */
export function stateAt(nowMs, startedMs, wrong, storage) {
  const cameras = hall.cameras.map((c, i) => {
    const ill = WRONG[wrong.get(c.id)?.what]
    const age = ill?.state === 'not-recording' ? nowMs - wrong.get(c.id).since : 700 + ((nowMs / 7 + i * 331) % 1300)
    return {
      id: c.id, kind: c.kind, desired: true, state: 'recording', since: rfc3339(ill ? wrong.get(c.id).since : startedMs),
      newest_part: rfc3339(nowMs - age), age_ms: Math.round(age), cause: null, cause_text: null, action: null, detail: null,
      stamp_mode: 'reencode', stamped: true, wall_picture: false,
      video: {
        codec: i === 3 ? 'H.265' : 'H.264', width: i === 4 ? 2560 : 1920, height: i === 4 ? 1440 : 1080,
        frames_per_second: 24.98 + (i % 3) * 0.01, bitrate_kbps: 2930 + i * 210 + 40 * Math.sin(nowMs / 3000 + i),
      },
      audio: i === 4 ? { codec: 'AAC', sample_rate: 16000, bitrate_kbps: 32.1, level_dbfs: null }
        : { codec: 'G.711 A-law', sample_rate: 8000, bitrate_kbps: 64.0, level_dbfs: -34 + 12 * Math.sin(nowMs / 900 + i * 2) },
      time_source: i === 4 ? 'arrival' : 'sender-report', clock_skew_ms: i === 4 ? null : [3, -12, 28, 28_800_340][i],
      clock: i === 4 ? null : i === 3
        ? { verdict: 'time-zone', hours: 8, drift_ppm: 2, text: { zh: '时区设错（+8 小时）', en: 'wrong time zone (+8 h)' } }
        : { verdict: 'good', hours: null, drift_ppm: 1, text: { zh: '准确', en: 'right' } }, connections: 1 + (i % 2),
      ...ill,
    }
  })
  return {
    at: rfc3339(nowMs), started: rfc3339(startedMs), should_record: cameras.length,
    recording: cameras.filter((c) => c.state === 'recording' || c.state === 'degraded').length,
    oldest_footage: rfc3339(nowMs - 3 * 24 * HOUR), cameras,
    storage: storageAt(storage),
    clock: { synchronised: true, max_error_ms: 12, limit_ms: 1000, source: 'chrony 203.0.113.15', leap: null },
    alarms: alarmsAt(startedMs, storage),
  }
}

/** Runs and gaps of one camera from three days ago until now, and two days before that have gone. `startedMs` fixes the past, so that it does not move. */
export function past(cameraId, startedMs, nowMs, lostSince) {
  const start = Math.floor((startedMs - 72 * HOUR) / MINUTE) * MINUTE
  const ago = (hours) => startedMs - hours * HOUR
  const gaps = [
    { fromMs: ago(0.7), toMs: ago(0.7) + 21_000, cause: 'recorder-restart' },
    ...(cameraId === 'C3' ? [
      { fromMs: ago(2.2), toMs: ago(2.2) + 3.5 * MINUTE, cause: 'camera-unreachable', detail: 'no answer within 5 s' },
      { fromMs: ago(4.1), toMs: ago(4.1) + 6 * MINUTE, cause: 'camera-stalled' },
      { fromMs: ago(20), toMs: ago(20) + 42 * MINUTE, cause: 'authentication', detail: '401 Unauthorized' },
      { fromMs: ago(29), toMs: ago(28), cause: 'disk' },
      { fromMs: ago(44), toMs: ago(41), cause: 'operator' },
      { fromMs: ago(50), toMs: ago(49.6), cause: 'unknown' },
    ] : []),
  ].sort((a, b) => a.fromMs - b.fromMs)
  if (lostSince) gaps.push({ fromMs: lostSince, toMs: nowMs, cause: 'camera-unreachable' })
  const runs = []
  let from = start
  for (const g of gaps) {
    runs.push({ fromMs: from, toMs: g.fromMs })
    from = g.toMs
  }
  if (from < nowMs) runs.push({ fromMs: from, toMs: nowMs - 1500 })
  const [removed, restored] = [{ fromMs: start - 48 * HOUR, toMs: start }, { fromMs: ago(7), toMs: ago(6) }]
  const cut = (r, s, marks) => ({ fromMs: Math.max(r.fromMs, s.fromMs), toMs: Math.min(r.toMs, s.toMs), ...marks })
  const unstamped = { fromMs: ago(1.4), toMs: ago(1.3) }
  const spans = runs.flatMap((r) => [
    cut(r, { fromMs: start, toMs: restored.fromMs }, { stamped: true }),
    cut(r, restored, { stamped: true, restored: true }),
    cut(r, { fromMs: restored.toMs, toMs: unstamped.fromMs }, { stamped: true }),
    cut(r, unstamped, { stamped: false }),
    cut(r, { fromMs: unstamped.toMs, toMs: nowMs }, { stamped: true }),
  ]).filter((s) => s.toMs > s.fromMs)
  return { runs, spans, gaps, removed: [removed] }
}
