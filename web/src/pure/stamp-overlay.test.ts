import { describe, expect, it } from 'vitest'
import type { StampEntry } from './stamp-overlay'
import { LIMIT_SHARE, contentRect, labelLines, livePictureAt, placeStamp, recordedPictureAt, roughWidth, timeText, unstampedOf } from './stamp-overlay'

const LABEL = ['长春市朝阳区 重庆街道便民服务中心', '综合受理区 3号窗口']
const at = (text: string) => Date.parse(text)

describe('what the stamp says', () => {
  it('is Beijing time with date and weekday, wherever the browser is', () => {
    expect(timeText(at('2026-11-22T06:50:03Z'))).toBe('2026年11月22日 星期日 14:50:03')
    expect(timeText(at('2026-12-31T16:00:00Z'))).toBe('2027年01月01日 星期五 00:00:00')
  })
  it('changes with the second and not before', () => {
    expect(timeText(at('2026-11-22T14:50:03.999+08:00'))).toMatch(/14:50:03$/)
    expect(timeText(at('2026-11-22T14:50:03.999+08:00') + 0.9995)).toMatch(/14:50:03$/)
    expect(timeText(at('2026-11-22T14:50:04.000+08:00'))).toMatch(/14:50:04$/)
  })
  it('leaves empty lines out and runs white space together', () => {
    expect(labelLines(['  长春市朝阳区   便民服务中心 ', '\t'])).toEqual(['长春市朝阳区 便民服务中心'])
  })
})

describe('where the stamp stands', () => {
  it('follows the height of the picture, time top left and label bottom right', () => {
    const place = placeStamp(1920, 1080, LABEL)!
    expect([place.fontPx, place.outlinePx]).toEqual([34, 3])
    expect(place.time.x).toBeLessThan(40)
    expect(place.time.baseline).toBeLessThan(70)
    expect(place.label.map((l) => l.text)).toEqual(LABEL)
    expect(place.label[0]!.x).toBeGreaterThan(1880)
    expect(place.label[1]!.baseline).toBeGreaterThan(1030)
    expect(place.label[0]!.baseline).toBeLessThan(place.label[1]!.baseline - 34)
  })
  it('keeps inside the picture and under its share in every size and shape', () => {
    for (const [w, h] of [[640, 360], [1280, 720], [1920, 1080], [3840, 2160], [1080, 1920], [704, 576], [333, 251]] as const) {
      const place = placeStamp(w, h, LABEL)
      expect(place, `${w}×${h}`).not.toBeNull()
      const { fontPx, outlinePx, time, label } = place!
      const line = fontPx + 2 * outlinePx
      const widest = Math.max(...label.map((l) => roughWidth(l.text) * fontPx + 2 * outlinePx))
      expect(label[0]!.x - widest, `${w}×${h}`).toBeGreaterThanOrEqual(-outlinePx)
      expect(label.at(-1)!.baseline, `${w}×${h}`).toBeLessThan(h)
      expect(time.baseline, `${w}×${h}`).toBeLessThan(label[0]!.baseline - fontPx)
      const covered = line * (roughWidth(time.text) * fontPx + 2 * outlinePx) + label.length * line * widest
      expect(covered / (w * h), `${w}×${h}`).toBeLessThanOrEqual(LIMIT_SHARE)
    }
  })
  it('wraps a label that is too long for one line', () => {
    const place = placeStamp(720, 1280, ['吉林省长春市朝阳区重庆街道人民政府便民服务中心办事大厅综合受理区一层东侧一至十二号窗口'])!
    expect(place.label.length).toBe(2)
  })
  it('stands in the corners of hall.toml, in its size, without the weekday where it is not wanted', () => {
    const style = { time_place: 'bottom-left', label_place: 'top-right', size_milli_percent: 2000, weekday: false } as const
    const place = placeStamp(1920, 1080, ['长春市朝阳区'], roughWidth, style)!
    expect(place.fontPx).toBe(22)
    expect([place.time.anchor, place.time.text]).toEqual(['start', '0000年00月00日 00:00:00'])
    expect(place.time.baseline).toBeGreaterThan(1040)
    expect(place.label[0]).toMatchObject({ text: '长春市朝阳区', anchor: 'end' })
    expect(place.label[0]!.baseline).toBeLessThan(50)
    expect(timeText(at('2026-11-22T14:50:03+08:00'), false)).toBe('2026年11月22日 14:50:03')
  })
  it('makes room for both where they stand side by side', () => {
    const side = { time_place: 'bottom-left', label_place: 'bottom-right', size_milli_percent: 3125, weekday: true } as const
    const place = placeStamp(640, 360, LABEL, roughWidth, side)!
    const widest = Math.max(...place.label.map((l) => roughWidth(l.text) * place.fontPx))
    expect(place.time.x + roughWidth(place.time.text) * place.fontPx).toBeLessThan(place.label[0]!.x - widest)
  })
  it('gives nothing for a picture in which nothing can be read', () => {
    expect(placeStamp(16, 16, LABEL)).toBeNull()
  })
})

describe('the picture inside its box', () => {
  it('has bars above and below, or left and right, never both', () => {
    expect(contentRect(1600, 1000, 1920, 1080)).toEqual({ x: 0, y: 50, width: 1600, height: 900 })
    expect(contentRect(2000, 900, 1920, 1080)).toEqual({ x: 200, y: 0, width: 1600, height: 900 })
  })
})

describe('the live picture', () => {
  const pictures = [0, 1, 2].map((n) => ({ mediaSeconds: 7 + n * 0.04, captureMs: 1000 * n, stamped: n === 1 }))
  it('is found by its own media time, within the browser\'s rounding', () => {
    expect(livePictureAt(pictures, 7.039999)).toEqual({ captureMs: 1000, stamped: true, label: null })
    expect(livePictureAt(pictures, 7.08)).toEqual({ captureMs: 2000, stamped: false, label: null })
  })
  it('is unknown rather than wrong', () => {
    expect(livePictureAt(pictures, 7.06)).toBeNull()
    expect(livePictureAt([], 7)).toBeNull()
  })
  it('of a new time axis comes before one of the old', () => {
    expect(livePictureAt([{ mediaSeconds: 7, captureMs: 1, stamped: true }, { mediaSeconds: 7, captureMs: 2, stamped: false }], 7)?.captureMs).toBe(2)
  })
})

describe('the recorded picture', () => {
  const startUs = at('2026-11-22T14:50:00.040+08:00') * 1000
  const entry = (n: number, more: Partial<StampEntry> = {}): StampEntry => ({
    start: 100 + 2 * n,
    duration: 2,
    programDateTime: '2026-11-22T14:50:00.040+08:00',
    shiftSeconds: 90,
    unstamped: { captureUs: startUs + n * 2_000_000, start90k: 900_000 + n * 180_000, label: LABEL },
    ...more,
  })
  it('has the time of its own track, to the picture at which the second changes', () => {
    const list = [entry(0), entry(1)]
    const second = (t: number) => timeText(recordedPictureAt(list, t)!.captureMs).slice(-2)
    // 14:50:00.040 + 0.96 s is the first picture of 14:50:01.
    expect([second(100), second(100.92), second(100.96), second(100.959999), second(101.92), second(101.96), second(102)])
      .toEqual(['00', '00', '01', '01', '01', '02', '02'])
  })
  it('belongs to the entry before where the next one\'s sound begins earlier', () => {
    const list = [entry(0), entry(1, { start: 101.95 })]
    expect(recordedPictureAt(list, 101.96)?.captureMs).toBeCloseTo((startUs + 1_960_000) / 1000, 1)
  })
  it('carries its own stamp where the playlist says nothing', () => {
    const list = [entry(0, { unstamped: null, shiftSeconds: null })]
    expect(recordedPictureAt(list, 101)).toMatchObject({ stamped: true, label: null })
    expect(recordedPictureAt(list, 101)!.captureMs).toBeCloseTo(at('2026-11-22T14:50:01.040+08:00'), 0)
  })
  it('goes by the player\'s axis until the entry is loaded, and is unknown outside of the list', () => {
    expect(recordedPictureAt([entry(0, { shiftSeconds: null })], 100.5)!.captureMs).toBeCloseTo((startUs + 500_000) / 1000, 1)
    expect(recordedPictureAt([entry(0)], 50)).toBeNull()
    expect(recordedPictureAt([], 100)).toBeNull()
  })
  it('has its tag read as hls.js keeps it', () => {
    const tag = ['EXT-X-JIANCHA-UNSTAMPED', '{"capture_us":1795330200040000,"label":["长春市朝阳区","综合受理区 3号窗口"],"start_90k":3600}']
    expect(unstampedOf([['INF', '2.0'], tag])).toEqual({ captureUs: 1_795_330_200_040_000, start90k: 3600, label: ['长春市朝阳区', '综合受理区 3号窗口'] })
    expect(unstampedOf([['INF', '2.0']])).toBeNull()
    expect(recordedPictureAt([entry(0, { unstamped: unstampedOf([['EXT-X-JIANCHA-UNSTAMPED', 'broken']]) })], 100)).toBeNull()
  })
})
