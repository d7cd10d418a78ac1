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

/** The measured state. `wrong` maps cameras to what ails them. */
export function stateAt(nowMs, startedMs, wrong) {
  const cameras = hall.cameras.map((c, i) => {
    const ill = WRONG[wrong.get(c.id)?.what]
    const age = ill?.state === 'not-recording' ? nowMs - wrong.get(c.id).since : 700 + ((nowMs / 7 + i * 331) % 1300)
    return {
      id: c.id, kind: c.kind, desired: true, state: 'recording', since: rfc3339(ill ? wrong.get(c.id).since : startedMs),
      newest_part: rfc3339(nowMs - age), age_ms: Math.round(age), cause: null, cause_text: null, action: null, detail: null,
      stamp_mode: 'reencode', stamped: true,
      video: {
        codec: i === 3 ? 'H.265' : 'H.264', width: i === 4 ? 2560 : 1920, height: i === 4 ? 1440 : 1080,
        frames_per_second: 24.98 + (i % 3) * 0.01, bitrate_kbps: 2930 + i * 210 + 40 * Math.sin(nowMs / 3000 + i),
      },
      audio: i === 4 ? { codec: 'AAC', sample_rate: 16000, bitrate_kbps: 32.1, level_dbfs: null }
        : { codec: 'G.711 A-law', sample_rate: 8000, bitrate_kbps: 64.0, level_dbfs: -34 + 12 * Math.sin(nowMs / 900 + i * 2) },
      time_source: i === 4 ? 'arrival' : 'sender-report', clock_skew_ms: i === 4 ? null : [3, -12, 28, -340][i], connections: 1 + (i % 2),
      ...ill,
    }
  })
  return {
    at: rfc3339(nowMs), started: rfc3339(startedMs), should_record: cameras.length,
    recording: cameras.filter((c) => c.state === 'recording' || c.state === 'degraded').length,
    oldest_footage: rfc3339(nowMs - 3 * 24 * HOUR), cameras,
    storage: [
      { path: '/srv/jiancha/a', free_bytes: 1.734e12, total_bytes: 4e12, writable: true, detail: null },
      { path: '/srv/jiancha/b', free_bytes: 0.21e12, total_bytes: 4e12, writable: true, detail: null },
    ],
    clock: { synchronised: true, max_error_ms: 12 },
  }
}

/** Runs and gaps of one camera from three days ago until now. `startedMs` fixes the past, so that it does not move. */
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
  const unstamped = { fromMs: ago(1.4), toMs: ago(1.3) }
  const spans = runs.flatMap((r) => [
    { fromMs: r.fromMs, toMs: Math.min(r.toMs, unstamped.fromMs), stamped: true },
    { fromMs: Math.max(r.fromMs, unstamped.fromMs), toMs: Math.min(r.toMs, unstamped.toMs), stamped: false },
    { fromMs: Math.max(r.fromMs, unstamped.toMs), toMs: r.toMs, stamped: true },
  ]).filter((s) => s.toMs > s.fromMs)
  return { runs, spans, gaps }
}
