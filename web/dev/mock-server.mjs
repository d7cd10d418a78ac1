/**
 * A stand-in for the recorder while working on the pages: it speaks the recorder's HTTP contract with invented state and
 * moving pictures. A development aid only; it records nothing and proves nothing.
 *
 *   npm run mock            serves on http://127.0.0.1:5199 (MOCK_PORT), user admin, password mock-password (MOCK_PASSWORD)
 *   POST /mock/camera?id=C3&what=lost|password|unstamped|frozen|h265|waiting|well
 *   POST /mock/storage?fault=full|read-only|gone|slow|failing|well    the second disk, and its alarm
 *   POST /mock/events?on=false    silences the state events
 */
import { createHash, randomBytes } from 'node:crypto'
import { createReadStream, existsSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { hall, past, rfc3339, stateAt } from './mock-hall.mjs'
import { CLIP_S, makeClips } from './mock-media.mjs'

const PORT = Number(process.env.MOCK_PORT ?? 5199)
const PASSWORD = process.env.MOCK_PASSWORD ?? 'mock-password'
const DIST = join(fileURLToPath(new URL('.', import.meta.url)), '..', 'dist')
const CSP = "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; style-src 'self' 'unsafe-inline'; connect-src 'self' ws: wss:; worker-src 'self' blob:"
const MINUTE = 60_000

const clips = makeClips(['card-a', 'card-b', 'card-c'])
const clipOf = (camera) => clips[hall.cameras.findIndex((c) => c.id === camera) % clips.length]
const started = Date.now()
const wrong = new Map()
let storage = { fault: null, since: 0 }
const sessions = new Map()
const grants = new Map()
let eventsOn = true
let failures = 0

class Refusal extends Error {
  constructor(status, code, zh, en) {
    super(en)
    Object.assign(this, { status, code, zh, en })
  }
}

const server = createServer((request, response) => {
  const id = randomBytes(6).toString('hex')
  response.setHeader('x-request-id', id)
  answer(request, response).catch((e) => {
    const known = e instanceof Refusal ? e : new Refusal(500, 'internal', `模拟服务出错:${e.message}`, `mock: ${e.message}`)
    if (!(e instanceof Refusal)) console.error(e)
    json(response, known.status, { error: { code: known.code, zh: known.zh, en: known.en, request_id: id } })
  })
})

function json(response, status, value) {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(value === undefined ? undefined : JSON.stringify(value))
}

function userOf(request) {
  const token = /jiancha_session=([0-9a-f]+)/.exec(request.headers.cookie ?? '')?.[1]
  return token ? sessions.get(token) : undefined
}

async function body(request) {
  let text = ''
  for await (const chunk of request) text += chunk
  try {
    return JSON.parse(text)
  } catch {
    throw new Refusal(400, 'bad-request', '请求内容不是 JSON', 'The body is not JSON')
  }
}

async function answer(request, response) {
  const url = new URL(request.url, 'http://mock')
  const path = url.pathname
  if (path.startsWith('/mock/')) return control(url, response)
  if (path.startsWith('/media/')) return media(path, request, response)
  if (!path.startsWith('/api/')) return page(path, response)
  if (request.method !== 'GET' && request.headers['x-jiancha'] !== '1') {
    throw new Refusal(403, 'csrf', '请求缺少 X-Jiancha 标头', 'Header X-Jiancha is missing')
  }
  if (path === '/api/v1/session') return session(request, response)
  const user = userOf(request)
  if (!user) throw new Refusal(401, 'not-signed-in', '尚未登录', 'Not signed in')
  if (path === '/api/v1/hall') return json(response, 200, hall)
  if (path === '/api/v1/recorder') {
    const pem = '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n'
    return json(response, 200, { version: hall.version, key_id: '21fe31dfa154a261', public_key_pem: pem })
  }
  if (path === '/api/v1/state') return json(response, 200, stateAt(Date.now(), started, wrong, storage))
  if (path === '/api/v1/state/events') return events(response)
  if (path === '/api/v1/timeline') return timeline(url, response)
  if (path === '/api/v1/playback') return playback(await body(request), response)
  throw new Refusal(404, 'not-found', '没有这个地址', 'No such address')
}

async function session(request, response) {
  if (request.method === 'POST') {
    if (failures >= 10) throw new Refusal(429, 'too-many-attempts', '口令连续输错,请 1 分钟后再试', 'Too many attempts; try again in a minute')
    const { username, password } = await body(request)
    if (username !== 'admin' || password !== PASSWORD) {
      failures += 1
      throw new Refusal(401, 'bad-password', '用户名或口令不正确,未能登录。请核对后重试;忘记口令请联系安全管理员重置。', 'Wrong user name or password.')
    }
    failures = 0
    const token = randomBytes(16).toString('hex')
    sessions.set(token, { name: username, role: 'administrator' })
    response.setHeader('set-cookie', `jiancha_session=${token}; HttpOnly; SameSite=Strict; Path=/`)
    return json(response, 200, { user: sessions.get(token) })
  }
  const user = userOf(request)
  if (!user) throw new Refusal(401, 'not-signed-in', '尚未登录', 'Not signed in')
  if (request.method === 'DELETE') {
    sessions.clear()
    response.writeHead(204)
    return response.end()
  }
  return json(response, 200, { user })
}

function events(response) {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  const tell = () => eventsOn && response.write(`event: state\ndata: ${JSON.stringify(stateAt(Date.now(), started, wrong, storage))}\n\n`)
  tell()
  const timer = setInterval(tell, 1000)
  response.on('close', () => clearInterval(timer))
}

function cameraOf(value) {
  if (value.camera) return hall.cameras.find((c) => c.id === value.camera)?.id
  return hall.windows.find((w) => w.id === value.window)?.camera
}

function pastOf(camera) {
  const ill = wrong.get(camera)
  return past(camera, started, Date.now(), ill && ['lost', 'password'].includes(ill.what) ? ill.since : null)
}

function timeline(url, response) {
  const [window, camera] = [url.searchParams.get('window'), url.searchParams.get('camera')]
  const id = cameraOf({ window, camera })
  if (!id) throw new Refusal(404, 'unknown-camera', '没有这个窗口或摄像机', 'No such window or camera')
  const [from, to] = [Date.parse(url.searchParams.get('from')), Date.parse(url.searchParams.get('to'))]
  const { spans, gaps, removed } = pastOf(id)
  const clip = (s) => ({ ...s, fromMs: Math.max(from, s.fromMs), toMs: Math.min(to, s.toMs) })
  const out = ({ fromMs, toMs, ...rest }) => ({ camera: id, from: rfc3339(fromMs), to: rfc3339(toMs), ...rest })
  const inside = (list) => list.map(clip).filter((s) => s.toMs > s.fromMs).map(out)
  json(response, 200, { window, spans: inside(spans), gaps: inside(gaps), removed: removed.map(clip).filter((s) => s.toMs > s.fromMs).map(({ fromMs, toMs }) => ({ from: rfc3339(fromMs), to: rfc3339(toMs) })) })
}

function playback(asked, response) {
  const camera = cameraOf(asked)
  if (!camera) throw new Refusal(404, 'unknown-camera', '没有这个窗口或摄像机', 'No such window or camera')
  const token = randomBytes(8).toString('hex')
  grants.set(token, { camera, fromMs: Date.parse(asked.from), toMs: asked.to ? Date.parse(asked.to) : null })
  json(response, 200, { url: `/media/${token}/index.m3u8`, from: asked.from, to: asked.to ?? null, expires: rfc3339(Date.now() + 3_600_000), camera })
}

function media(path, request, response) {
  const [, , token, ...rest] = path.split('/')
  const grant = grants.get(token)
  if (!grant) throw new Refusal(403, 'bad-token', '播放地址无效或已过期', 'This address is not valid any more')
  if (rest.join('/') === 'index.m3u8') return playlist(grant, response)
  const [camera, date, , name] = rest
  const minute = Date.parse(`${date}T${name.slice(0, 2)}:${name.slice(2, 4)}:00+08:00`)
  const file = clipOf(camera).minuteFile(baseSeconds(camera, minute))
  const range = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '')
  const [first, last] = range ? [Number(range[1]), range[2] ? Number(range[2]) : file.length - 1] : [0, file.length - 1]
  response.writeHead(range ? 206 : 200, {
    'content-type': 'video/mp4', 'accept-ranges': 'bytes', 'content-length': last - first + 1,
    ...(range ? { 'content-range': `bytes ${first}-${last}/${file.length}` } : {}),
  })
  response.end(file.subarray(first, last + 1))
}

/** Media time of a minute's first picture: counted from the minute in which its run began. */
function baseSeconds(camera, minute) {
  const run = pastOf(camera).runs.find((r) => r.toMs > minute && r.fromMs < minute + MINUTE)
  return (minute - Math.floor((run?.fromMs ?? minute) / MINUTE) * MINUTE) / 1000
}

function playlist({ camera, fromMs, toMs }, response) {
  const clip = clipOf(camera)
  const now = Date.now()
  const end = toMs ?? now - 1500
  const lines = ['#EXTM3U', '#EXT-X-VERSION:7', '#EXT-X-TARGETDURATION:2', toMs === null ? '#EXT-X-PLAYLIST-TYPE:EVENT' : '#EXT-X-PLAYLIST-TYPE:VOD']
  let first = true
  for (const run of pastOf(camera).runs) {
    let fresh = true
    for (let minute = Math.floor(run.fromMs / MINUTE) * MINUTE; minute < Math.min(end, run.toMs); minute += MINUTE) {
      const b = rfc3339(minute)
      const uri = `${camera}/${b.slice(0, 10)}/${b.slice(11, 13)}/${b.slice(11, 19).replaceAll(':', '')}.mp4`
      for (const part of clip.parts) {
        const at = minute + part.seconds * 1000
        if (at < Math.max(run.fromMs, fromMs - 2000) || at + 2000 > Math.min(run.toMs, end)) continue
        if (fresh) {
          if (!first) lines.push('#EXT-X-DISCONTINUITY')
          lines.push(`#EXT-X-MAP:URI="${uri}",BYTERANGE="${clip.init.length}@0"`)
          fresh = first = false
        }
        lines.push(`#EXT-X-PROGRAM-DATE-TIME:${rfc3339(at)}`, '#EXTINF:2.000,', `#EXT-X-BYTERANGE:${part.bytes.length}@${part.offset}`, uri)
      }
    }
  }
  if (toMs !== null) lines.push('#EXT-X-ENDLIST')
  response.writeHead(200, { 'content-type': 'application/vnd.apple.mpegurl', 'cache-control': 'no-store' })
  response.end(`${lines.join('\n')}\n`)
}

function control(url, response) {
  if (url.pathname === '/mock/camera') {
    const [id, what] = [url.searchParams.get('id'), url.searchParams.get('what')]
    if (what === 'well') wrong.delete(id)
    else wrong.set(id, { what, since: Date.now() })
  } else if (url.pathname === '/mock/storage') {
    const fault = url.searchParams.get('fault')
    storage = { fault: fault === 'well' ? null : fault, since: Date.now() }
  } else if (url.pathname === '/mock/events') eventsOn = url.searchParams.get('on') !== 'false'
  json(response, 200, { wrong: Object.fromEntries(wrong), storage, eventsOn })
}

const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' }

function page(path, response) {
  let file = normalize(join(DIST, path))
  if (!file.startsWith(DIST) || !existsSync(file) || statSync(file).isDirectory()) {
    if (extname(path)) throw new Refusal(404, 'not-found', '没有这个文件', 'No such file')
    file = join(DIST, 'index.html')
  }
  response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream', 'content-security-policy': CSP })
  createReadStream(file).pipe(response)
}

server.on('upgrade', (request, socket) => {
  const camera = /^\/api\/v1\/live\/([^/?]+)/.exec(request.url)?.[1]
  if (!camera || !userOf(request) || !hall.cameras.some((c) => c.id === camera)) return socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n')
  const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`)
  live(camera, socket, request.url.includes('picture=wall'))
})

function live(camera, socket, wall) {
  const send = (opcode, payload) => {
    const head = payload.length < 126 ? Buffer.from([0x80 | opcode, payload.length])
      : payload.length < 65536 ? Buffer.from([0x80 | opcode, 126, payload.length >> 8, payload.length & 255])
        : Buffer.concat([Buffer.from([0x80 | opcode, 127, 0, 0, 0, 0]), Buffer.from(Uint32Array.of(payload.length).buffer).reverse()])
    if (!socket.destroyed) socket.write(Buffer.concat([head, payload]))
  }
  const say = (value) => send(1, Buffer.from(JSON.stringify(value)))
  const clip = clipOf(camera)
  const origin = Math.floor(started / MINUTE) * MINUTE - 60 * MINUTE
  let next = null
  let minute = 0
  const step = () => {
    const what = wrong.get(camera)?.what
    if (what === 'lost' || what === 'password' || what === 'waiting') {
      if (next === null) say({ type: 'waiting', zh: '摄像机尚未送来画面', en: 'The camera has sent nothing yet' })
      return
    }
    if (what === 'frozen') return
    const now = Date.now()
    if (next === null) {
      const h265 = what === 'h265'
      say({ type: 'format', mime: `video/mp4; codecs="${h265 ? 'hvc1.1.6.L120.90,flac' : clip.codecs}"`, generation: 1 })
      send(2, clip.liveInit)
      minute = Math.floor(now / MINUTE) * MINUTE
      next = clip.frames.findLastIndex((f) => f.randomAccess && f.seconds * 1000 <= now - minute)
    }
    for (;;) {
      const frame = clip.frames[next]
      if (minute + frame.seconds * 1000 > now) return
      const { bytes, seconds } = clip.liveFrame(next, (minute - origin) / 1000)
      say({ type: 'fragment', capture: rfc3339(minute + frame.seconds * 1000), media_seconds: seconds, random_access: frame.randomAccess, stamped: true })
      send(2, bytes)
      next += 1
      if (next === clip.frames.length) {
        next = 0
        minute += CLIP_S * 1000
      }
    }
  }
  // The mock makes no small pictures: a tile is told that it gets the full one.
  if (wall) say({ type: 'picture', picture: 'full', why: 'none', zh: '该摄像机没有小画面', en: 'This camera has no wall picture' })
  step()
  const timer = setInterval(step, 20)
  socket.on('data', (data) => (data[0] & 15) === 8 && socket.end())
  socket.on('close', () => clearInterval(timer))
  socket.on('error', () => socket.destroy())
}

server.listen(PORT, '127.0.0.1', () => console.log(`mock recorder on http://127.0.0.1:${PORT}  (admin / ${PASSWORD})`))
