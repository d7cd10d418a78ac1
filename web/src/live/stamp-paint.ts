import { labelLines, placeStamp, timeText } from '@/pure/stamp-overlay'
import type { Measure, StampStyle } from '@/pure/stamp-overlay'

/** The recorder draws with Noto Sans CJK Bold; where it is missing, the system's own. */
export const STAMP_FONT = '"Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Microsoft YaHei", sans-serif'
export const STAMP_WEIGHT = 700

let context: CanvasRenderingContext2D | null = null
const widths = new Map<string, number>()

/** Length of a text in em, in the font the stamp is drawn in. */
export const measureStamp: Measure = (text) => {
  let width = widths.get(text)
  if (width === undefined) {
    context ??= document.createElement('canvas').getContext('2d')
    if (context) context.font = `${STAMP_WEIGHT} 100px ${STAMP_FONT}`
    width = (context?.measureText(text).width ?? text.length * 100) / 100
    if (widths.size > 500) widths.clear()
    widths.set(text, width)
  }
  return width
}

/** Draws the stamp of a picture taken at `captureMs` on a canvas that holds it. */
export function drawStamp(canvas: CanvasRenderingContext2D, width: number, height: number, captureMs: number, label: string[], style: StampStyle) {
  const place = placeStamp(width, height, labelLines(label), measureStamp, style)
  if (!place) return
  canvas.save()
  canvas.font = `${STAMP_WEIGHT} ${place.fontPx}px ${STAMP_FONT}`
  canvas.lineJoin = 'round'
  canvas.lineWidth = 2 * place.outlinePx
  canvas.strokeStyle = '#000'
  canvas.fillStyle = '#fff'
  for (const line of [{ ...place.time, text: timeText(captureMs, style.weekday) }, ...place.label]) {
    canvas.textAlign = line.anchor
    canvas.strokeText(line.text, line.x, line.baseline)
    canvas.fillText(line.text, line.x, line.baseline)
  }
  canvas.restore()
}
