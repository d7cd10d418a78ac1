/**
 * The stamp that is drawn when a picture is seen which was recorded without one: what it says, where it stands, and which picture it
 * belongs to. The same rules as the recorder's own stamp; lengths are pixels of the picture, so that it is one with it at any size.
 */

import { SECOND_MS, beijingFields, parseRfc3339 } from './beijing-time'

/** Of the picture, time and label together at most. */
export const LIMIT_SHARE = 0.04
/** How far ink reaches above and below the baseline, in em: that of Chinese characters. */
const ABOVE_EM = 0.88
const BELOW_EM = 0.12
const SMALLEST_PX = 4

/** When a picture was taken, whether it carries the stamp, and the label of its time where the server told one. */
export interface FrameStamp {
  captureMs: number
  stamped: boolean
  label: string[] | null
}

export type Corner = 'top-left' | 'top-right' | 'bottom-left' | 'bottom-right'

/** Where time and label stand, as hall.toml has it. */
export interface StampStyle {
  time_place: Corner
  label_place: Corner
  /** Em size in thousandths of a percent of the picture's height. */
  size_milli_percent: number
  weekday: boolean
}

/** R8: the label bottom right. */
export const USUAL_STYLE: StampStyle = { time_place: 'top-left', label_place: 'bottom-right', size_milli_percent: 3125, weekday: true }

/** `2026年11月22日 星期日 14:50:03`: the whole second in which the picture was taken. */
export function timeText(captureMs: number, weekday = true): string {
  const f = beijingFields(Math.floor(captureMs / SECOND_MS) * SECOND_MS)
  const two = (n: number) => String(n).padStart(2, '0')
  const day = `${String(f.year).padStart(4, '0')}年${two(f.month)}月${two(f.day)}日`
  return `${day}${weekday ? ` 星期${'日一二三四五六'[f.weekday]!}` : ''} ${two(f.hour)}:${two(f.minute)}:${two(f.second)}`
}

/** The label's lines as they are drawn: white space run together, empty lines left out. */
export function labelLines(label: string[]): string[] {
  return label.map((line) => line.trim().split(/\s+/).join(' ')).filter((line) => line !== '')
}

/** Length of a text in em. */
export type Measure = (text: string) => number

/** Without a font at hand: Chinese characters are square, digits and Latin letters a little over half as wide. */
export function roughWidth(text: string): number {
  let width = 0
  for (const c of text) width += c === ' ' ? 0.23 : c.codePointAt(0)! < 0x2e80 ? 0.6 : 1
  return width
}

export interface PlacedLine {
  text: string
  /** Start of the text at a left edge, its end at a right one. */
  x: number
  anchor: 'start' | 'end'
  baseline: number
}

export interface StampPlace {
  fontPx: number
  /** Thickness of the dark edge around the strokes. */
  outlinePx: number
  /** `text` is a pattern of the time's length. */
  time: PlacedLine
  label: PlacedLine[]
}

/** Where the stamp stands in a picture. `null` for a picture in which nothing fits. */
export function placeStamp(width: number, height: number, label: string[], measure: Measure = roughWidth, style: StampStyle = USUAL_STYLE): StampPlace | null {
  const given = labelLines(label)
  const joined = given.join(' ')
  const candidates = [given.length <= 2 ? given : null, wrap(joined, atSpace, measure), wrap(joined, () => true, measure)]
  const basis = Math.min(Math.sqrt((width * height * 9) / 16), height)
  for (let fontPx = Math.max(Math.floor((basis * style.size_milli_percent + 50_000) / 100_000), 12); fontPx >= SMALLEST_PX; fontPx -= 1) {
    for (const lines of candidates) {
      const place = lines && fit(width, height, fontPx, lines, measure, style)
      if (place) return place
    }
  }
  return null
}

function fit(width: number, height: number, fontPx: number, lines: string[], measure: Measure, style: StampStyle): StampPlace | null {
  const outlinePx = Math.max(1, Math.floor((fontPx + 4) / 10))
  const margin = Math.floor((fontPx * 2) / 3)
  const lineHeight = (ABOVE_EM + BELOW_EM) * fontPx + 2 * outlinePx
  const pattern = style.weekday ? '0000年00月00日 星期日 00:00:00' : '0000年00月00日 00:00:00'
  const timeWidth = measure(pattern) * fontPx + 2 * outlinePx
  const labelWidth = Math.max(0, ...lines.map((l) => measure(l) * fontPx + 2 * outlinePx))
  const gap = fontPx / 8
  const labelHeight = lines.length * lineHeight + Math.max(0, lines.length - 1) * gap
  const sideBySide = isTop(style.time_place) === isTop(style.label_place) && lines.length > 0
  const [needsWidth, needsHeight] = sideBySide
    ? [labelWidth + timeWidth + 3 * margin, Math.max(labelHeight, lineHeight) + 2 * margin]
    : [Math.max(timeWidth, labelWidth) + 2 * margin, labelHeight + lineHeight + 3 * margin]
  if (needsWidth > width || needsHeight > height) return null
  if (timeWidth * lineHeight + labelWidth * labelHeight > width * height * LIMIT_SHARE) return null
  const line = (text: string, corner: Corner, blockHeight: number, n: number): PlacedLine => {
    const top = isTop(corner) ? margin : height - margin - blockHeight
    const left = isLeft(corner)
    return {
      text,
      x: left ? margin + outlinePx : width - margin - outlinePx,
      anchor: left ? 'start' : 'end',
      baseline: top + n * (lineHeight + gap) + outlinePx + ABOVE_EM * fontPx,
    }
  }
  return {
    fontPx,
    outlinePx,
    time: line(pattern, style.time_place, lineHeight, 0),
    label: lines.map((text, n) => line(text, style.label_place, labelHeight, n)),
  }
}

const isTop = (corner: Corner) => corner.startsWith('top')
const isLeft = (corner: Corner) => corner.endsWith('left')
const atSpace = (text: string, at: number) => text[at - 1] === ' ' || text[at] === ' '

/** Breaks a text once so that the longer of the two lines is as short as possible. */
function wrap(text: string, mayBreak: (text: string, at: number) => boolean, measure: Measure): string[] | null {
  let best: string[] | null = null
  let shortest = Infinity
  for (let at = 1; at < text.length; at += 1) {
    if (!mayBreak(text, at)) continue
    const [first, second] = [text.slice(0, at).trimEnd(), text.slice(at).trimStart()]
    const longer = Math.max(measure(first), measure(second))
    if (first !== '' && second !== '' && longer < shortest) {
      best = [first, second]
      shortest = longer
    }
  }
  return best
}

/** The part of a box that a picture fills when it is shown whole (`object-fit: contain`). */
export function contentRect(boxWidth: number, boxHeight: number, width: number, height: number) {
  const scale = Math.min(boxWidth / width, boxHeight / height)
  const [w, h] = [width * scale, height * scale]
  return { x: (boxWidth - w) / 2, y: (boxHeight - h) / 2, width: w, height: h }
}

// --- which picture ---------------------------------------------------------------------------------------------------

/** A live picture that was received: what the server said of it. */
export interface LivePicture {
  mediaSeconds: number
  captureMs: number
  stamped: boolean
}

/** Browsers keep media times to a microsecond; pictures are at least some milliseconds apart. */
const SAME_PICTURE_S = 0.002

/** What belongs to the live picture presented at media time `t`; `null` when it is not known. `pictures` are in order of arrival. */
export function livePictureAt(pictures: LivePicture[], t: number): FrameStamp | null {
  for (let n = pictures.length - 1; n >= 0; n -= 1) {
    const p = pictures[n]!
    if (Math.abs(p.mediaSeconds - t) < SAME_PICTURE_S) return { captureMs: p.captureMs, stamped: p.stamped, label: null }
  }
  return null
}

/** What the playlist says of an entry whose pictures carry no stamp. */
export interface UnstampedEntry {
  captureUs: number
  start90k: number
  label: string[]
}

export const UNSTAMPED_TAG = 'EXT-X-JIANCHA-UNSTAMPED'

/** Reads the tag of an entry from the tags hls.js keeps; `null` for an entry that carries the stamp. */
export function unstampedOf(tags: string[][]): UnstampedEntry | null {
  const found = tags.find((tag) => tag[0] === UNSTAMPED_TAG)
  if (!found) return null
  try {
    const told = JSON.parse(found.slice(1).join(':')) as { capture_us: number; start_90k: number; label: string[] }
    return { captureUs: told.capture_us, start90k: told.start_90k, label: told.label }
  } catch {
    // A tag that cannot be read still says that there is no stamp; without times none can be drawn that would be right.
    return { captureUs: Number.NaN, start90k: Number.NaN, label: [] }
  }
}

/** An entry of a recording on the player's axis. */
export interface StampEntry {
  start: number
  duration: number
  /** When its first picture was taken, as the playlist has it. */
  programDateTime: string | null
  /** Media time on the player's axis minus time in the recording's track; `null` until the entry has been loaded. */
  shiftSeconds: number | null
  unstamped: UnstampedEntry | null
}

/** Half a tick of the microsecond clock that browsers keep media times by, and as much for each conversion. */
const ROUNDING_US = 4

/**
 * What belongs to the recorded picture presented at media time `t`. Where the entry was loaded, its own track time tells the capture
 * time to the microsecond; before that, the player's axis does.
 */
export function recordedPictureAt(list: StampEntry[], t: number): FrameStamp | null {
  let found = lastAtOrBefore(list, t + SAME_PICTURE_S)
  if (found < 0) return null
  // An entry's place on the axis may be that of its sound: the picture then still belongs to the entry before.
  const before = list[found - 1]
  if (before && microsecondsInto(list[found]!, t) < -ROUNDING_US && before.start + before.duration > t - 0.2) found -= 1
  const entry = list[found]!
  const into = microsecondsInto(entry, t)
  const first = entry.unstamped ? entry.unstamped.captureUs : (parseRfc3339(entry.programDateTime ?? '') ?? Number.NaN) * 1000
  if (Number.isNaN(first)) return null
  const captureUs = first + Math.max(0, into + ROUNDING_US)
  return { captureMs: captureUs / 1000, stamped: entry.unstamped === null, label: entry.unstamped?.label ?? null }
}

function microsecondsInto(entry: StampEntry, t: number): number {
  const { unstamped, shiftSeconds } = entry
  if (unstamped && shiftSeconds !== null) return (t - shiftSeconds) * 1e6 - (unstamped.start90k * 100) / 9
  return (t - entry.start) * 1e6
}

function lastAtOrBefore(list: StampEntry[], t: number): number {
  let [low, high] = [0, list.length]
  while (low < high) {
    const mid = (low + high) >> 1
    if (list[mid]!.start <= t) low = mid + 1
    else high = mid
  }
  return low - 1
}
