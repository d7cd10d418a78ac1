/**
 * Media for the mock server: one-minute clips made once with the ffmpeg command, cut into the pieces the contract speaks of.
 * The clip's second hand equals the second of the wall clock, so that a wrong time on the page is seen at a glance.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const CLIP_S = 60
const FPS = 25
const GOP = 50

/** Makes the clips that are missing in the temp folder. `MOCK_CLIP` names footage to use instead of a test card. */
export function makeClips(names) {
  const folder = process.env.MOCK_MEDIA ?? join(tmpdir(), 'jiancha-mock-media')
  mkdirSync(folder, { recursive: true })
  return names.map((name, index) => {
    const live = join(folder, `${name}-frames.mp4`)
    const parts = join(folder, `${name}-parts.mp4`)
    if (!existsSync(parts) || !existsSync(live)) {
      console.log(`making ${name} (once, about half a minute) …`)
      encode(live, index)
      ffmpeg(['-i', live, '-c', 'copy', '-strict', '-2', '-movflags', '+empty_moov+default_base_moof+frag_keyframe'], parts)
    }
    return new Clip(readFileSync(live), readFileSync(parts))
  })
}

function encode(out, index) {
  const clip = process.env.MOCK_CLIP
  const picture = clip
    ? ['-stream_loop', '-1', '-ss', String(8 + 31 * index), '-i', clip]
    : ['-f', 'lavfi', '-i', `testsrc2=size=1280x720:rate=${FPS}`]
  const sound = `aevalsrc='0.3*sin(2*PI*${660 + 110 * index}*t)*lt(mod(t,1),0.08)+0.02*(random(0)-0.5)':s=8000:c=mono`
  const text = (t, place) => `drawtext=${t}:fontcolor=white:borderw=3:bordercolor=black:${place}`
  const filters = [
    `fps=${FPS}`, 'scale=1280:720', ...(index === 2 ? ['hflip'] : []),
    text("text='%{eif\\:mod(t\\,60)\\:d\\:2}.%{eif\\:mod(floor(t*10)\\,10)\\:d\\:1} s':fontsize=40", 'x=24:y=20'),
    text(`font='Noto Sans CJK SC':fontsize=30:text='示例街道便民服务中心 · 模拟画面 ${index + 1}'`, 'x=w-tw-24:y=h-th-20'),
    'format=yuv420p',
  ]
  ffmpeg([
    ...picture, '-f', 'lavfi', '-i', sound, '-map', '0:v', '-map', '1:a', '-t', String(CLIP_S), '-vf', filters.join(','),
    '-c:v', 'libx264', '-preset', 'veryfast', '-profile:v', 'high', '-bf', '0', '-g', String(GOP), '-keyint_min', String(GOP),
    '-sc_threshold', '0', '-b:v', '1500k', '-maxrate', '2M', '-bufsize', '3M', '-threads', '1',
    '-c:a', 'flac', '-frame_size', '960', '-strict', '-2', '-movflags', '+empty_moov+default_base_moof+frag_every_frame',
  ], out)
}

function ffmpeg(args, out) {
  const unfinished = `${out}.unfinished.mp4`
  execFileSync('ffmpeg', ['-v', 'error', '-y', ...args, unfinished], { stdio: 'inherit' })
  renameSync(unfinished, out)
}

/** One clip: the initialisation segment, its single frames for live view and its two-second parts for playback. */
class Clip {
  constructor(live, parts) {
    const frames = cut(live)
    const file = cut(parts)
    this.init = file.init
    this.liveInit = frames.init
    this.codecs = codecs(file.init)
    this.timescales = timescales(file.init)
    this.frames = frames.fragments.map((bytes) => describe(bytes, timescales(frames.init), GOP / FPS))
    this.parts = file.fragments.map((bytes) => describe(bytes, this.timescales, GOP / FPS))
    let offset = this.init.length
    for (const part of this.parts) {
      part.offset = offset
      offset += part.bytes.length
    }
    this.fileBytes = offset
  }

  /** A whole minute file whose media time begins at `baseS`. */
  minuteFile(baseS) {
    return Buffer.concat([this.init, ...this.parts.map((p) => shifted(p, this.timescales, baseS))])
  }

  /** A frame as it is sent live, `baseS` later on the media axis. */
  liveFrame(index, baseS) {
    const frame = this.frames[index]
    return { ...frame, bytes: shifted(frame, this.timescales, baseS), seconds: frame.seconds + baseS }
  }
}

function* boxes(buffer, from = 0, to = buffer.length) {
  for (let at = from; at + 8 <= to; ) {
    const size = buffer.readUInt32BE(at)
    yield { type: buffer.toString('latin1', at + 4, at + 8), at, body: at + 8, end: at + size }
    at += size
  }
}

function cut(file) {
  const init = []
  const fragments = []
  let moof = null
  for (const box of boxes(file)) {
    const bytes = file.subarray(box.at, box.end)
    if (box.type === 'ftyp' || box.type === 'moov') init.push(bytes)
    else if (box.type === 'moof') moof = bytes
    else if (box.type === 'mdat' && moof) {
      fragments.push(Buffer.concat([moof, bytes]))
      moof = null
    }
  }
  return { init: Buffer.concat(init), fragments }
}

function find(buffer, path, from = 0, to = buffer.length) {
  const found = []
  for (const box of boxes(buffer, from, to)) {
    if (box.type !== path[0]) continue
    if (path.length === 1) found.push(box)
    else found.push(...find(buffer, path.slice(1), box.body, box.end))
  }
  return found
}

function timescales(init) {
  const scales = new Map()
  for (const trak of find(init, ['moov', 'trak'])) {
    const [tkhd] = find(init, ['tkhd'], trak.body, trak.end)
    const [mdhd] = find(init, ['mdia', 'mdhd'], trak.body, trak.end)
    const id = init.readUInt32BE(tkhd.body + (init[tkhd.body] === 1 ? 20 : 12))
    scales.set(id, init.readUInt32BE(mdhd.body + (init[mdhd.body] === 1 ? 20 : 12)))
  }
  return scales
}

function codecs(init) {
  const at = init.indexOf('avcC')
  return `avc1.${init.toString('hex', at + 5, at + 8)},flac`
}

/** Reads track, time and place of the time field of each track fragment. */
function describe(bytes, scales, gopS) {
  const [moof] = find(bytes, ['moof'])
  const tracks = find(bytes, ['traf'], moof.body, moof.end).map((traf) => {
    const [tfhd] = find(bytes, ['tfhd'], traf.body, traf.end)
    const [tfdt] = find(bytes, ['tfdt'], traf.body, traf.end)
    const id = bytes.readUInt32BE(tfhd.body + 4)
    if (bytes[tfdt.body] !== 1) throw new Error('expected 64-bit decode times')
    return { id, at: tfdt.body + 4, ticks: bytes.readBigUInt64BE(tfdt.body + 4) }
  })
  const video = tracks.find((t) => t.id === 1)
  const seconds = Number(tracks[0].ticks) / scales.get(tracks[0].id)
  return { bytes, tracks, seconds, video: Boolean(video), randomAccess: Boolean(video) && seconds % gopS < 0.001 }
}

function shifted(piece, scales, baseS) {
  const copy = Buffer.from(piece.bytes)
  for (const t of piece.tracks) copy.writeBigUInt64BE(t.ticks + BigInt(Math.round(baseS * scales.get(t.id))), t.at)
  return copy
}
