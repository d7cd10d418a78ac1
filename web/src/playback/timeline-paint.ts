/** Draws the lanes of the timeline on a canvas. Knows colours and pixels, nothing of people or players. */

import type { Lane } from '@/pure/lane'
import type { CauseGroup } from '@/pure/state-words'
import { GROUP_COLOUR } from '@/pure/state-words'
import type { View } from '@/pure/timeline-geometry'
import { boundsOf, ticks, xOf } from '@/pure/timeline-geometry'

export const AXIS_PX = 28
export const LANE_PX = 40
const BAR_PX = 24
const TICK_SPACING_PX = 88

const RECORDED = '#2f9160'
/** Came back from the backup copy; also carries a line along its foot. */
export const RESTORED = '#6b4fa0'
/** Removed because its time was over: an empty frame, struck through. */
export const REMOVED = '#8894a2'
const LANE = '#e9edf1'
const FUTURE = '#f7f9fb'
const TEXT = '#4d5967'
const LINE = '#d0d7df'
const MIDNIGHT = '#8894a2'
const PLAYHEAD = '#10161d'
const NOW = '#1f5eaa'

export interface Scene {
  lanes: Lane[]
  view: View
  nowMs: number
  atMs: number | null
  hoverX: number | null
  letters: Record<CauseGroup, string>
}

export function paint(canvas: HTMLCanvasElement, width: number, height: number, scene: Scene) {
  const g = canvas.getContext('2d')
  if (!g || width <= 0) return
  const scale = window.devicePixelRatio || 1
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)]
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h })
  g.setTransform(scale, 0, 0, scale, 0, 0)
  g.clearRect(0, 0, width, height)
  g.font = `12px ${getComputedStyle(canvas).fontFamily}`
  g.textBaseline = 'middle'
  paintAxis(g, width, height, scene)
  scene.lanes.forEach((lane, i) => paintLane(g, width, AXIS_PX + i * LANE_PX + (LANE_PX - BAR_PX) / 2, lane, scene))
  paintLines(g, width, height, scene)
}

function paintAxis(g: CanvasRenderingContext2D, width: number, height: number, { view }: Scene) {
  for (const tick of ticks(view, width, TICK_SPACING_PX)) {
    const x = Math.round(xOf(view, width, tick.ms)) + 0.5
    g.strokeStyle = tick.midnight ? MIDNIGHT : LINE
    g.beginPath()
    g.moveTo(x, AXIS_PX - 6)
    g.lineTo(x, height)
    g.stroke()
    g.fillStyle = tick.midnight ? PLAYHEAD : TEXT
    g.textAlign = x < 24 ? 'left' : x > width - 24 ? 'right' : 'center'
    g.fillText(tick.label, x, AXIS_PX / 2 - 2)
  }
}

function paintLane(g: CanvasRenderingContext2D, width: number, top: number, lane: Lane, { view, nowMs, letters }: Scene) {
  const present = Math.min(width, Math.max(0, xOf(view, width, nowMs)))
  g.fillStyle = LANE
  g.fillRect(0, top, present, BAR_PX)
  g.fillStyle = FUTURE
  g.fillRect(present, top, width - present, BAR_PX)
  for (const gone of lane.removed) {
    const b = boundsOf(view, width, gone, 1)
    if (!b) continue
    g.fillStyle = FUTURE
    g.fillRect(b.x, top, b.w, BAR_PX)
    g.fillStyle = REMOVED
    for (const y of [0, BAR_PX / 2 - 0.5, BAR_PX - 1]) g.fillRect(b.x, top + y, b.w, 1)
  }
  for (const span of lane.spans) {
    const b = boundsOf(view, width, span, 1)
    if (!b) continue
    g.fillStyle = span.restored ? RESTORED : RECORDED
    g.fillRect(b.x, top, b.w, BAR_PX)
    if (span.restored) {
      g.fillStyle = '#fff'
      g.fillRect(b.x, top + BAR_PX - 6, b.w, 2)
    }
    if (!span.stamped) hatch(g, b.x, top, b.w)
  }
  for (const gap of lane.gaps) {
    const b = boundsOf(view, width, gap, 2)
    if (!b) continue
    g.fillStyle = GROUP_COLOUR[gap.group]
    g.fillRect(b.x, top, b.w, BAR_PX)
    if (b.w < 18) continue
    g.fillStyle = '#fff'
    g.textAlign = 'center'
    g.fillText(letters[gap.group], b.x + b.w / 2, top + BAR_PX / 2 + 0.5)
  }
}

function hatch(g: CanvasRenderingContext2D, x: number, top: number, w: number) {
  g.save()
  g.beginPath()
  g.rect(x, top, w, BAR_PX)
  g.clip()
  g.strokeStyle = '#fff'
  g.lineWidth = 2
  g.beginPath()
  for (let at = Math.floor((x - BAR_PX) / 8) * 8; at < x + w; at += 8) {
    g.moveTo(at, top + BAR_PX)
    g.lineTo(at + BAR_PX, top)
  }
  g.stroke()
  g.restore()
}

function paintLines(g: CanvasRenderingContext2D, width: number, height: number, { view, nowMs, atMs, hoverX }: Scene) {
  const line = (x: number, colour: string, dash: number[], w: number) => {
    g.strokeStyle = colour
    g.lineWidth = w
    g.setLineDash(dash)
    g.beginPath()
    g.moveTo(x, AXIS_PX - 8)
    g.lineTo(x, height)
    g.stroke()
    g.setLineDash([])
    g.lineWidth = 1
  }
  const now = xOf(view, width, nowMs)
  if (now >= 0 && now <= width) line(now, NOW, [4, 3], 1)
  if (hoverX !== null) line(Math.round(hoverX) + 0.5, TEXT, [], 1)
  if (atMs === null) return
  const x = xOf(view, width, atMs)
  if (x < -6 || x > width + 6) return
  line(x, PLAYHEAD, [], 2)
  g.fillStyle = PLAYHEAD
  g.beginPath()
  g.moveTo(x - 6, AXIS_PX - 10)
  g.lineTo(x + 6, AXIS_PX - 10)
  g.lineTo(x, AXIS_PX - 2)
  g.fill()
}
