/**
 * First light, seen through a browser: signs in to a running recorder and checks that pictures move, recordings play and
 * what the pages say is what the recorder measures.
 *
 *   JIANCHA_URL, JIANCHA_USER, JIANCHA_PASSWORD   the recorder
 *   JIANCHA_WINDOW                                window to open; the first of the hall when not given
 *   JIANCHA_UNSTAMPED                             window of a simulated camera with stamp = "none"; without it that is not looked at
 *   JIANCHA_CHROMIUM                              browser; /usr/bin/chromium when not given
 *   JIANCHA_ARTIFACTS                             where screenshots go; ../test-artifacts when not given
 */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

const BASE = (process.env.JIANCHA_URL ?? '').replace(/\/$/, '')
const USER = process.env.JIANCHA_USER ?? 'admin'
const PASSWORD = process.env.JIANCHA_PASSWORD ?? ''
if (!BASE || !PASSWORD) {
  console.error('set JIANCHA_URL, JIANCHA_USER and JIANCHA_PASSWORD of a running recorder')
  process.exit(2)
}
const ARTIFACTS = process.env.JIANCHA_ARTIFACTS ?? fileURLToPath(new URL('../../test-artifacts/', import.meta.url))
mkdirSync(ARTIFACTS, { recursive: true })

const profile = mkdtempSync(join(tmpdir(), 'jiancha-e2e-'))
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.JIANCHA_CHROMIUM ?? '/usr/bin/chromium',
  headless: true,
  viewport: { width: 1920, height: 1080 },
  // The page must show Beijing time wherever the browser believes to be.
  timezoneId: 'America/Sao_Paulo',
  locale: 'zh-CN',
  args: [
    '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required',
  ],
})

const foreign = new Set()
const troubles = []
context.on('request', (r) => {
  if (!r.url().startsWith(BASE) && !/^(blob|data):/.test(r.url())) foreign.add(r.url())
})
context.on('console', (m) => {
  if (/Content Security Policy/i.test(m.text())) troubles.push(m.text())
})
context.on('weberror', (e) => troubles.push(String(e.error())))

const page = context.pages()[0] ?? (await context.newPage())
page.setDefaultTimeout(20_000)

let passed = 0
let failed = 0

/** Runs one check; a failure is told, pictured, and does not stop the others unless they depend on it. */
async function check(name, act) {
  const before = Date.now()
  try {
    const said = await act()
    passed += 1
    console.log(`ok    ${name}${said ? `: ${said}` : ''} (${((Date.now() - before) / 1000).toFixed(1)} s)`)
    return true
  } catch (e) {
    failed += 1
    console.log(`FAIL  ${name}: ${e.message}`)
    await shot(`failed-${failed}`)
    return false
  }
}

const shot = (name) => page.screenshot({ path: join(ARTIFACTS, `${name}.png`) }).catch(() => {})
const sleep = (ms) => new Promise((done) => setTimeout(done, ms))
const api = (path) => page.evaluate(async (p) => {
  const r = await fetch(p)
  if (!r.ok) throw new Error(`${p}: ${r.status} ${await r.text()}`)
  return r.json()
}, path)

async function until(what, limitMs, probe) {
  const end = Date.now() + limitMs
  let last
  for (;;) {
    last = await probe()
    if (last.done) return last
    if (Date.now() > end) throw new Error(`${what} not within ${limitMs / 1000} s: ${JSON.stringify(last)}`)
    await sleep(250)
  }
}

/** The figures of a video element. */
const figures = (selector) => page.evaluate((s) => {
  const v = document.querySelector(s)
  if (!v) return null
  const q = v.getVideoPlaybackQuality()
  return {
    currentTime: v.currentTime, frames: q.totalVideoFrames, dropped: q.droppedVideoFrames, audio: v.webkitAudioDecodedByteCount,
    width: v.videoWidth, height: v.videoHeight, paused: v.paused, rate: v.playbackRate,
  }
}, selector)

/** Watches a video for three seconds and asserts that it moves. */
async function moves(selector, { fps = 25, sound = false, rate = 1 } = {}) {
  const a = await figures(selector)
  await sleep(3000)
  const b = await figures(selector)
  const [seconds, frames, dropped] = [b.currentTime - a.currentTime, b.frames - a.frames, b.dropped - a.dropped]
  const said = `${b.width}×${b.height}, +${seconds.toFixed(2)} s, +${frames} frames, ${dropped} dropped, +${b.audio - a.audio} sound bytes`
  assert.ok(seconds > 1.5 * rate && seconds < 5 * rate, `media time did not advance with the clock: ${said}`)
  assert.ok(frames >= 3 * fps * rate * 0.5, `too few frames for ${fps} per second: ${said}`)
  assert.ok(dropped * 2 < frames, `most frames dropped: ${said}`)
  if (sound) assert.ok(b.audio > a.audio, `no sound decoded: ${said}`)
  return said
}

/** `2026-11-22 14:50:03.4` of Beijing as milliseconds. */
function beijing(text) {
  const m = /(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d))?/.exec(text ?? '')
  return m ? Date.parse(`${m[1]}T${m[2]}.${m[3] ?? 0}00+08:00`) : NaN
}
const clockOf = (ms) => new Date(ms + 8 * 3_600_000).toISOString()
const shownTime = async () => beijing(await page.textContent('[data-test=shown-time]'))
const serverNow = async () => Date.parse((await api('/api/v1/state')).at)

/** Asserts that the shown Beijing time advances like a clock. */
async function shownAdvances() {
  const a = await shownTime()
  await sleep(3000)
  const b = await shownTime()
  assert.ok(b - a > 1500 && b - a < 5000, `shown time went from ${clockOf(a)} to ${clockOf(b)} in three seconds`)
  return `${clockOf(a).slice(11, 21)} → ${clockOf(b).slice(11, 21)}`
}

// --- sign in ---------------------------------------------------------------------------------------------------------

await check('a page inside asks for signing in', async () => {
  await page.goto(`${BASE}/playback`)
  await page.waitForSelector('#username')
  assert.match(page.url(), /\/sign-in\?next=\/playback/)
  assert.equal(await page.getAttribute('html', 'lang'), 'zh-CN')
  await shot('sign-in')
})

await check('a wrong password is refused, in Chinese, under the field', async () => {
  await page.goto(`${BASE}/`)
  await page.fill('#username', USER)
  await page.fill('#password', `${PASSWORD}-wrong`)
  await page.click('[data-test=submit]')
  const error = await page.waitForSelector('[data-test=password-item] .el-form-item__error')
  assert.match(await error.textContent(), /口令/)
  assert.match(page.url(), /sign-in/)
  const state = await page.evaluate(async () => (await fetch('/api/v1/state')).status)
  assert.equal(state, 401, 'the state is told to someone not signed in')
  await shot('sign-in-refused')
})

const inside = await check('the right password opens the wall', async () => {
  await page.fill('#username', USER)
  await page.fill('#password', PASSWORD)
  await page.click('[data-test=submit]')
  await page.waitForURL('**/wall')
  await page.waitForSelector('.tile')
})
if (!inside) await finish()

const hall = await api('/api/v1/hall')
const window = hall.windows.find((w) => w.id === process.env.JIANCHA_WINDOW) ?? hall.windows[0]
const camera = window.camera
const measured = async () => (await api('/api/v1/state')).cameras.find((c) => c.id === camera)

// --- wall ------------------------------------------------------------------------------------------------------------

await check('the header tells the truth', async () => {
  const line = await until('line of truth equal to the measured state', 60_000, async () => {
    const [text, state] = [await page.textContent('[data-test=truth]'), await api('/api/v1/state')]
    const said = text.replace(/\s+/g, ' ').trim()
    return { done: said.includes(`${state.should_record} 路应录`) && said.includes(`${state.recording} 路在录`), said, state: [state.should_record, state.recording] }
  })
  assert.ok(line.state[0] > 0, 'no camera should record')
  const look = await page.getAttribute('[data-test=truth]', 'class')
  if (line.state[1] < line.state[0]) assert.match(look, /is-(bad|degraded)/, 'calm although a camera is missing')
  const clock = await page.textContent('[data-test=clock] time')
  const [shown, now] = [Date.parse(`${clock.slice(0, 10)}T${clock.slice(-8)}+08:00`), await serverNow()]
  assert.ok(Math.abs(shown - now) < 3000, `header shows ${clock}, the server has ${clockOf(now)}`)
  return line.said
})

await check('the wall has a tile for every camera, with its measured state', async () => {
  await page.keyboard.press('9')
  const tiles = await page.$$eval('.tile', (all) => all.map((t) => t.dataset.camera))
  assert.equal(tiles.length, Math.min(9, hall.cameras.length))
  assert.equal(new Set(tiles).size, tiles.length)
  await until('live pictures in all tiles', 60_000, async () => {
    const pictures = await page.$$eval('.tile', (all) => all.map((t) => t.dataset.picture))
    return { done: pictures.every((p) => p === 'live' || p === 'unsupported') && pictures.includes('live'), pictures }
  })
  await shot('wall')
})

await check('tiles show small pictures that move', async () => {
  const small = hall.cameras.filter((c) => c.stamp === 'reencode').map((c) => c.id)
  assert.ok(small.length > 0, 'no camera of this hall has a wall picture of its own')
  const sizes = await until('a wall picture in every tile that has one', 60_000, async () => {
    const tiles = await page.$$eval('.tile', (all) => all.map((t) => [t.dataset.camera, t.dataset.size, t.querySelector('video').videoWidth, t.querySelector('video').videoHeight]))
    return { done: tiles.every(([id, size, width, height]) => !small.includes(id) || (size === 'wall' && width === 640 && height === 360)), tiles }
  })
  const said = await moves(`.tile[data-camera="${small[0]}"] video`, { fps: 10 })
  const running = (await api('/api/v1/state')).cameras.filter((c) => c.wall_picture).length
  assert.ok(running >= small.length, `${running} wall pictures are made for ${small.length} tiles`)
  return `${sizes.tiles.length} tiles; ${said}`
})

await check(`window ${window.id} opens and its live picture moves`, async () => {
  await page.click(`.tree [data-window="${window.id}"]`)
  const tile = `.tile.focused[data-camera="${camera}"]`
  await page.waitForSelector(tile)
  await until('a live picture', 60_000, async () => {
    const picture = await page.getAttribute(tile, 'data-picture')
    return { done: picture === 'live', picture }
  })
  const fps = (await measured())?.video?.frames_per_second ?? 25
  // The small picture gives way to the full one.
  await until('the full picture', 20_000, async () => {
    const { width, height } = (await figures(`${tile} video`)) ?? {}
    return { done: (await page.getAttribute(tile, 'data-size')) === 'full' && height >= 1080, width, height }
  })
  const said = await moves(`${tile} video`, { fps })
  const caption = await page.textContent(`${tile} .caption`)
  const at = /(\d\d:\d\d:\d\d\.\d)/.exec(caption)?.[1]
  assert.ok(at, `no picture time in "${caption}"`)
  const now = await serverNow()
  const behind = (now - Date.parse(`${clockOf(now).slice(0, 10)}T${at}00+08:00`)) / 1000
  assert.ok(Math.abs(behind) < 5 || Math.abs(Math.abs(behind) - 86_400) < 5, `picture of ${at}, server at ${clockOf(now)}`)
  await shot('window-live')
  return said
})

await check('Esc returns to the wall', async () => {
  await page.keyboard.press('Escape')
  await page.waitForFunction(() => document.querySelector('.tile.focused') === null)
})

// --- playback --------------------------------------------------------------------------------------------------------

let past = NaN
await check('a past minute starts by window and time, with sound, and its time advances', async () => {
  // The last recorded stretch, far enough from the present that nothing of it is still open.
  const found = await until('half a minute of recording', 90_000, async () => {
    const now = await serverNow()
    const query = new URLSearchParams({ window: window.id, from: new Date(now - 3_600_000).toISOString().replace('Z', '+00:00'), to: new Date(now).toISOString().replace('Z', '+00:00') })
    const { spans } = await api(`/api/v1/timeline?${query}`)
    const fit = spans.map((s) => [Date.parse(s.from), Math.min(Date.parse(s.to), now - 15_000)]).filter(([a, b]) => b - a > 15_000).at(-1)
    return { done: Boolean(fit), fit, spans: spans.length }
  })
  past = Math.ceil(Math.max(found.fit[0] + 2000, found.fit[1] - 75_000) / 1000) * 1000
  await page.click('a[href="/playback"]')
  await page.click(`.picker [data-window="${window.id}"]`)
  await page.click(`[data-day="${clockOf(past).slice(0, 10)}"]`)
  await page.fill('#time', clockOf(past).slice(11, 19))
  await page.click('[data-test=go]')
  await until('playback at the chosen second', 30_000, async () => {
    const [shown, status] = [await shownTime(), await page.getAttribute('.stage', 'data-status')]
    return { done: status === 'ready' && shown >= past - 500 && shown < past + 8000, shown: clockOf(shown || 0), wanted: clockOf(past), status }
  })
  const heard = Boolean((await measured())?.audio)
  const said = await moves('[data-test=video]', { fps: (await measured())?.video?.frames_per_second ?? 25, sound: heard })
  const times = await shownAdvances()
  await shot('playback-past')
  return `${said}; ${times}${heard ? '' : '; camera without sound'}`
})

await check('pause stops, one frame forward is one frame, one back is one back', async () => {
  await page.click('[data-test=play]')
  await until('pause', 5000, async () => ({ done: (await figures('[data-test=video]')).paused }))
  await sleep(500)
  const a = (await figures('[data-test=video]')).currentTime
  const steps = []
  for (const key of ['frame-forward', 'frame-forward', 'frame-back']) {
    const before = (await figures('[data-test=video]')).currentTime
    await page.click(`[data-test=${key}]`)
    await sleep(700)
    steps.push((await figures('[data-test=video]')).currentTime - before)
  }
  assert.ok(steps[0] > 0 && steps[1] > 0 && steps[1] < 0.25 && steps[2] < 0 && steps[2] > -0.25, `steps of ${steps.map((s) => s.toFixed(3))} s from ${a.toFixed(3)}`)
  return steps.map((s) => `${(s * 1000).toFixed(0)} ms`).join(', ')
})

await check('four times the speed', async () => {
  await page.keyboard.press('+')
  await page.keyboard.press('+')
  await page.click('[data-test=play]')
  await until('speed 4', 5000, async () => ({ done: (await figures('[data-test=video]')).rate === 4 }))
  const a = await shownTime()
  await sleep(2000)
  const b = await shownTime()
  await page.keyboard.press('-')
  await page.keyboard.press('-')
  assert.ok(b - a > 4000, `shown time advanced ${(b - a) / 1000} s in 2 s`)
  return `${((b - a) / 2000).toFixed(1)}×`
})

await check('the address opens the same second in another page', async () => {
  await page.click('[data-test=play]')
  await until('pause', 5000, async () => ({ done: (await figures('[data-test=video]')).paused }))
  await sleep(1500)
  const shown = await shownTime()
  const address = page.url()
  assert.match(address, new RegExp(`window=${window.id}`))
  const other = await context.newPage()
  try {
    await other.goto(address)
    await other.waitForFunction(() => document.querySelector('.stage')?.dataset.status === 'ready'
      && /^\d{4}-/.test(document.querySelector('[data-test=shown-time]')?.textContent ?? ''))
    const seen = beijing(await other.textContent('[data-test=shown-time]'))
    assert.ok(Math.abs(seen - shown) < 3000, `here ${clockOf(shown)}, there ${clockOf(seen)}`)
    return new URL(address).search
  } finally {
    await other.close()
  }
})

await check('the present minute plays', async () => {
  await page.click('[data-test=now]')
  await until('playback close to the present', 40_000, async () => {
    const [shown, now, status] = [await shownTime(), await serverNow(), await page.getAttribute('.stage', 'data-status')]
    return { done: status === 'ready' && now - shown < 20_000 && now - shown > -1000, behind: (now - shown) / 1000, status }
  })
  const times = await shownAdvances()
  await shot('playback-present')
  return `${((await serverNow()) - (await shownTime())) / 1000} s behind, ${times}`
})

await check('the playlist of a past span has an end and tells its times', async () => {
  const text = await page.evaluate(async ([id, from, to]) => {
    const r = await fetch('/api/v1/playback', {
      method: 'POST', headers: { 'content-type': 'application/json', 'x-jiancha': '1' }, body: JSON.stringify({ window: id, from, to }),
    })
    if (!r.ok) throw new Error(`playback: ${r.status} ${await r.text()}`)
    return (await fetch((await r.json()).url)).text()
  }, [window.id, `${clockOf(past).slice(0, 19)}+08:00`, `${clockOf(past + 6000).slice(0, 19)}+08:00`])
  for (const tag of ['#EXTM3U', '#EXT-X-MAP', '#EXT-X-BYTERANGE', '#EXT-X-PROGRAM-DATE-TIME', '#EXT-X-ENDLIST']) assert.ok(text.includes(tag), `${tag} is missing in\n${text}`)
})

await check('the timeline zooms about the cursor and seeks on a click', async () => {
  const line = page.locator('[data-test=timeline]')
  const box = await line.boundingBox()
  const at = { x: Math.round(box.width * 0.4), y: box.height - 12 }
  const tip = async () => page.textContent('[data-test=timeline-tip] strong')
  await line.hover({ position: at })
  const before = await tip()
  await page.mouse.wheel(0, -300)
  await sleep(500)
  await line.hover({ position: { x: at.x + 1, y: at.y } })
  await line.hover({ position: at })
  const after = await tip()
  const seconds = (text) => text.slice(-10).split(':').reduce((sum, p) => sum * 60 + Number(p), 0)
  assert.ok(Math.abs(seconds(before) - seconds(after)) < 10, `under the cursor: ${before} before, ${after} after zooming`)
  await page.locator('.range').first().click()
  await sleep(500)
  const value = async (name) => Number(await line.getAttribute(`aria-${name}`)) * 1000
  const [from, to] = [await value('valuemin'), await value('valuemax')]
  const wanted = past + 4000
  assert.ok(wanted > from && wanted < to, `${clockOf(wanted)} is not within ${clockOf(from)} … ${clockOf(to)}`)
  await line.click({ position: { x: ((wanted - from) / (to - from)) * box.width, y: at.y } })
  await until('the clicked second', 20_000, async () => {
    const [shown, status] = [await shownTime(), await page.getAttribute('.stage', 'data-status')]
    return { done: status === 'ready' && Math.abs(shown - wanted) < 6000, shown: clockOf(shown), wanted: clockOf(wanted) }
  })
  return `${before} stays ${after}; click went to ${clockOf(await shownTime()).slice(11, 21)}`
})

// --- a recording without a stamp -------------------------------------------------------------------------------------

/**
 * Watches a video: for every picture presented, the frame number that the simulated camera drew into it, read from its pixels, and
 * what the stamp over it says at that moment.
 */
const watchStamp = (root, ms) => page.evaluate(async ([selector, limit]) => {
  const box = document.querySelector(selector)
  const [video, text] = [box.querySelector('video'), box.querySelector('[data-test=stamp-time]')]
  const [w, h] = [640, 360]
  const canvas = new OffscreenCanvas(w, h)
  const context = canvas.getContext('2d', { willReadFrequently: true })
  // The strip of 20 blocks of the simulator: start pattern, nine bits, five of CRC, end pattern.
  const number = () => {
    context.drawImage(video, 0, 0, w, h)
    const level = Array.from({ length: 20 }, (_, block) => {
      const at = context.getImageData(Math.round(w * (0.31 + (0.38 * (block + 0.5)) / 20)) - 1, Math.round(h * 0.635) - 1, 3, 3).data
      return at.reduce((sum, v, i) => (i % 4 === 1 ? sum + v : sum), 0) / 9
    })
    const [white, black] = [(level[0] + level[2] + level[19]) / 3, (level[1] + level[3] + level[18]) / 3]
    if (white - black < 60) return null
    return level.slice(4, 13).reduce((n, l) => n * 2 + (l > (white + black) / 2 ? 1 : 0), 0)
  }
  const seen = []
  const end = performance.now() + limit
  await new Promise((done) => {
    const give = setTimeout(done, limit + 2000)
    const next = () => video.requestVideoFrameCallback((_, m) => {
      const drawn = box.querySelector('[data-test=stamp]').classList.contains('drawn')
      seen.push({ number: number(), text: text.textContent, capture: Number(text.dataset.capture), same: Number(text.dataset.media) === m.mediaTime, drawn })
      if (performance.now() < end) next()
      else {
        clearTimeout(give)
        done()
      }
    })
    next()
  })
  return seen
}, [root, ms])

/** When the simulated camera took picture `number` of its loop of 16 s, at 12.5 a second, near a time. */
function captureNear(number, near) {
  const ahead = (((number * 80 + 40 - near) % 16_000) + 16_000) % 16_000
  return near + (ahead > 8000 ? ahead - 16_000 : ahead)
}

/**
 * Asserts that the stamp over every picture is that of this very picture: its time is the time at which the camera took the picture of
 * this number, give or take what the recorder's own measurement of it is off by as a whole, and its text is the second of that time.
 */
function assertStamps(seen) {
  const read = seen.filter((s) => s.number !== null && s.same)
  assert.ok(read.length >= 10, `only ${read.length} of ${seen.length} pictures could be read`)
  const off = read.map((s) => s.capture - captureNear(s.number, s.capture)).sort((a, b) => a - b)[read.length >> 1]
  assert.ok(Math.abs(off) < 500, `the capture times are off by ${off} ms as a whole`)
  const seconds = new Set()
  let next = 0
  for (const s of read) {
    assert.ok(s.drawn, 'no stamp over a picture that carries none')
    const truth = captureNear(s.number, s.capture)
    // A neighbour is 80 ms away. Now and then a busy browser draws the next picture already into the canvas it is read from here.
    const apart = truth + off - s.capture
    if (Math.abs(apart - 80) < 35) next += 1
    else assert.ok(Math.abs(apart) < 35, `picture ${s.number}, taken at ${clockOf(truth)}: the stamp is that of ${clockOf(s.capture)}`)
    assert.equal(s.text.slice(-8), clockOf(s.capture).slice(11, 19), `picture ${s.number} of ${clockOf(s.capture)}: the stamp says ${s.text}`)
    seconds.add(s.text)
  }
  assert.ok(next * 10 <= read.length, `${next} of ${read.length} pictures carry the stamp of the one before`)
  assert.ok(seconds.size >= 3, `only ${[...seconds].join(', ')}`)
  return `${read.length} pictures, ${seconds.size} seconds, capture time off by ${off.toFixed(1)} ms`
}

const bare = hall.windows.find((w) => w.id === process.env.JIANCHA_UNSTAMPED)
if (bare) {
  const label = hall.cameras.find((c) => c.id === bare.camera).label
  const tileOf = (id) => `.tile[data-camera="${id}"]`

  await check(`window ${bare.id}, recorded without a stamp, shows one live: in its tile and large`, async () => {
    await page.click('a[href="/wall"]')
    await page.keyboard.press('9')
    await until('its live picture', 60_000, async () => ({ done: (await page.getAttribute(tileOf(bare.camera), 'data-picture')) === 'live' }))
    await page.waitForSelector(`${tileOf(bare.camera)} [data-test=stamp].drawn`)
    const small = assertStamps(await watchStamp(tileOf(bare.camera), 3500))
    assert.deepEqual(await page.$$eval(`${tileOf(bare.camera)} [data-test=stamp-label]`, (all) => all.map((l) => l.textContent)), label)
    assert.match(await page.textContent(`${tileOf(bare.camera)} [data-test=stamp-added]`), /叠加于显示/)
    await until('a stamp over the other window just where it carries none', 30_000, async () => {
      const [stamped, drawn] = [(await measured()).stamped, await page.locator(`${tileOf(camera)} [data-test=stamp].drawn`).count()]
      return { done: (drawn === 0) === stamped, stamped, drawn }
    })
    await shot('stamp-wall')
    await page.click(`.tree [data-window="${bare.id}"]`)
    await page.waitForSelector(`.tile.focused[data-camera="${bare.camera}"]`)
    await sleep(500)
    const seen = await watchStamp(`.tile.focused[data-camera="${bare.camera}"]`, 3500)
    assert.ok(Math.abs(seen.at(-1).capture - (await serverNow())) < 5000, 'the stamp is not of the present')
    const large = assertStamps(seen)
    await shot('stamp-live')
    return `${small}; large: ${large}`
  })

  await check('the stamp keeps to the picture, not to the bars around it', async () => {
    const [video, text] = await page.$eval('.tile.focused', (tile) => {
      const v = tile.querySelector('video')
      const box = v.getBoundingClientRect()
      const scale = Math.min(box.width / v.videoWidth, box.height / v.videoHeight)
      const [w, h] = [v.videoWidth * scale, v.videoHeight * scale]
      const rect = (r) => ({ left: r.left, top: r.top, right: r.right, bottom: r.bottom })
      const at = { left: box.left + (box.width - w) / 2, top: box.top + (box.height - h) / 2 }
      const lines = [...tile.querySelectorAll('[data-test=stamp] text')].map((t) => rect(t.getBoundingClientRect()))
      return [{ ...at, right: at.left + w, bottom: at.top + h }, lines]
    })
    for (const line of text) {
      assert.ok(line.left >= video.left && line.right <= video.right && line.top >= video.top && line.bottom <= video.bottom, JSON.stringify({ video, line }))
    }
    const [w, h] = [video.right - video.left, video.bottom - video.top]
    assert.ok(text[0].left - video.left < w * 0.05 && text[0].top - video.top < h * 0.05, 'the time is not top left')
    assert.ok(video.right - text.at(-1).right < w * 0.05 && video.bottom - text.at(-1).bottom < h * 0.05, 'the label is not bottom right')
    const covered = text.reduce((sum, t) => sum + (t.right - t.left) * (t.bottom - t.top), 0) / (w * h)
    assert.ok(covered < 0.05, `the stamp covers ${(covered * 100).toFixed(1)} %`)
    return `${(covered * 100).toFixed(1)} % of the picture`
  })

  await check('a still of it carries the stamp', async () => {
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('.tile.focused [data-test=still]')])
    const path = join(ARTIFACTS, 'stamp-still.png')
    await download.saveAs(path)
    const bytes = readFileSync(path).toString('base64')
    const bright = await page.evaluate(async (data) => {
      const image = await createImageBitmap(new Blob([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], { type: 'image/png' }))
      const canvas = new OffscreenCanvas(image.width, image.height)
      const context = canvas.getContext('2d')
      context.drawImage(image, 0, 0)
      const white = (x, y, w, h) => {
        const { data: d } = context.getImageData(Math.round(x * image.width), Math.round(y * image.height), Math.round(w * image.width), Math.round(h * image.height))
        let n = 0
        for (let i = 0; i < d.length; i += 4) if (d[i] > 250 && d[i + 1] > 250 && d[i + 2] > 250) n += 1
        return n / (d.length / 4)
      }
      return { time: white(0.01, 0.02, 0.3, 0.035), label: white(0.75, 0.93, 0.24, 0.05), width: image.width }
    }, bytes)
    assert.ok(bright.time > 0.1 && bright.label > 0.03, JSON.stringify(bright))
    return `${download.suggestedFilename()}, ${bright.width} px wide`
  })

  await check('its playback shows one too, with the second of each picture', async () => {
    const found = await until('half a minute of recording', 90_000, async () => {
      const now = await serverNow()
      const query = new URLSearchParams({ window: bare.id, from: new Date(now - 3_600_000).toISOString().replace('Z', '+00:00'), to: new Date(now).toISOString().replace('Z', '+00:00') })
      const { spans } = await api(`/api/v1/timeline?${query}`)
      const fit = spans.map((s) => [Date.parse(s.from), Math.min(Date.parse(s.to), now - 15_000), s.stamped]).filter(([a, b]) => b - a > 15_000).at(-1)
      return { done: Boolean(fit), fit }
    })
    assert.equal(found.fit[2], false, 'the recording says that it is stamped')
    const from = Math.ceil(Math.max(found.fit[0] + 2000, found.fit[1] - 40_000) / 1000) * 1000
    await page.goto(`${BASE}/playback?window=${bare.id}&at=${encodeURIComponent(`${clockOf(from).slice(0, 19)}.000+08:00`)}`)
    await until('playback', 30_000, async () => ({ done: (await page.getAttribute('.stage', 'data-status')) === 'ready' && (await shownTime()) > from - 1000 }))
    await page.waitForSelector('.stage [data-test=stamp].drawn')
    const said = assertStamps(await watchStamp('.stage', 4000))
    assert.deepEqual(await page.$$eval('.stage [data-test=stamp-label]', (all) => all.map((l) => l.textContent)), label)
    assert.match(await page.textContent('.stage [data-test=stamp-added]'), /叠加于显示/)
    await page.click('[data-test=play]')
    await sleep(500)
    const [stamp, shown] = [await page.textContent('.stage [data-test=stamp-time]'), await shownTime()]
    assert.equal(stamp.slice(-8), clockOf(shown).slice(11, 19), `paused at ${clockOf(shown)}, the stamp says ${stamp}`)
    await shot('stamp-playback')
    return said
  })
}

// --- devices, language -----------------------------------------------------------------------------------------------

await check('the line of truth leads to the devices, with what is measured', async () => {
  await page.click('[data-test=truth]')
  await page.waitForURL('**/cameras**')
  await page.waitForSelector(`tbody[data-camera="${camera}"]`)
  const state = await api('/api/v1/state')
  for (const c of state.cameras) {
    const row = await page.textContent(`tbody[data-camera="${c.id}"]`)
    if (c.video) assert.ok(row.includes(`${c.video.width}×${c.video.height}`), `${c.id}: ${c.video.width}×${c.video.height} not in "${row}"`)
  }
  await shot('devices')
})

await check('alarms and storage are shown as they are measured', async () => {
  const said = await until('the alarms of the measured state', 20_000, async () => {
    const { alarms } = await api('/api/v1/state')
    const listed = await page.$$eval('[data-test=alarm-list] [data-code]', (all) => all.map((a) => a.dataset.code))
    const header = await page.locator('[data-test=alarms]').count() > 0 ? await page.textContent('[data-test=alarms] .words') : ''
    const shown = alarms.length === 0 ? header === '' : header.trim() === `${alarms.length} 条告警`
    return { done: shown && JSON.stringify(listed) === JSON.stringify(alarms.map((a) => a.code)), header: header.trim(), listed }
  })
  const { storage } = await api('/api/v1/state')
  for (const root of storage) {
    const row = await page.textContent(`[data-test=storage] [data-root="${root.path}"]`)
    assert.ok(row.includes(root.fault === null ? '可写' : { full: '已满', 'read-only': '只读', gone: '未挂载', slow: '过慢', failing: '故障' }[root.fault]), row)
  }
  return `${said.header || '没有告警'}; ${storage.length} storage roots`
})

await check('English on a switch, and back', async () => {
  await page.click('[data-test=language]')
  assert.equal(await page.getAttribute('html', 'lang'), 'en')
  assert.match(await page.textContent('nav'), /Live.*Playback.*Devices/s)
  assert.match(await page.textContent('[data-test=truth]'), /to record/)
  await shot('devices-english')
  await page.click('[data-test=language]')
  assert.match(await page.textContent('nav'), /实时监看/)
})

await check('on a phone nothing is wider than the screen', async () => {
  await page.setViewportSize({ width: 390, height: 844 })
  for (const path of ['/wall', `/playback?window=${window.id}`, '/cameras']) {
    await page.goto(BASE + path)
    await page.waitForSelector('main')
    await sleep(2500)
    const wide = await page.evaluate(() => Math.max(document.documentElement.scrollWidth, document.querySelector('main')?.scrollWidth ?? 0))
    assert.ok(wide <= 390, `${path} is ${wide} px wide`)
    await shot(`phone-${path.split(/[/?]/)[1]}`)
  }
  await page.setViewportSize({ width: 1366, height: 768 })
})

await check('signing out closes the door', async () => {
  await page.goto(`${BASE}/wall`)
  await page.click('[data-test=user]')
  await page.click('[data-test=sign-out]')
  await page.waitForURL('**/sign-in**')
  assert.equal(await page.evaluate(async () => (await fetch('/api/v1/hall')).status), 401)
})

await check('no request left the server, no script was refused, none failed', async () => {
  assert.deepEqual([...foreign], [])
  assert.deepEqual(troubles, [])
})

await finish()

async function finish() {
  await context.close()
  rmSync(profile, { recursive: true, force: true })
  console.log(`${passed} passed, ${failed} failed`)
  process.exit(failed === 0 ? 0 : 1)
}
