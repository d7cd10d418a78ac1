import { USUAL_STYLE } from './stamp-overlay'
import { describe, expect, it } from 'vitest'
import type { Hall } from '@/api/types'
import { hallTree, layoutFor, pageOf, wallGrid, wallOrder } from './wall-layout'

const camera = (id: string, zone: string, windows: string[]) => ({
  id, name: null, kind: 'fixed' as const, zone, stamp: 'reencode' as const, label: ['a', 'b'], windows,
})
const window = (id: string, zone: string, cameraId: string, faces: string | null = null) => ({
  id, name: null, zone, camera: cameraId, sound_camera: cameraId, faces,
})

/** Four windows, of which 03 and 04 face each other and share a camera. */
const HALL: Hall = {
  name: 'h', division: 'd', stamp: USUAL_STYLE, profile: 'p', version: '0',
  zones: [
    { id: 'Z1', type: '综合受理区', name: null, all_day: false },
    { id: 'Z2', type: '休息等候区', name: null, all_day: false },
    { id: 'Z3', type: '物料流转区', name: null, all_day: false },
  ],
  windows: [window('01', 'Z1', 'C1'), window('02', 'Z1', 'C2'), window('03', 'Z1', 'C3', '04'), window('04', 'Z1', 'C3', '03')],
  cameras: [camera('C5', 'Z2', []), camera('C1', 'Z1', ['01']), camera('C2', 'Z1', ['02']), camera('C3', 'Z1', ['03', '04'])],
}

describe('the grid', () => {
  it('fills a wide room with three columns for six', () => {
    expect(wallGrid(1650, 960, 6, 2)).toEqual({ columns: 3, rows: 2, tileWidth: 548, tileHeight: 340 })
  })
  it('takes the wider of two almost equal grids', () => {
    expect(wallGrid(1648, 1030, 6, 2)).toMatchObject({ columns: 3, rows: 2 })
  })
  it('is one column on a phone', () => {
    expect(wallGrid(390, 700, 1, 2)).toEqual({ columns: 1, rows: 1, tileWidth: 390, tileHeight: 251 })
  })
  it('never runs out of the room', () => {
    for (const n of [1, 4, 6, 9]) {
      for (const [w, h] of [[1920, 1016], [1130, 700], [3600, 2000], [390, 500]] as const) {
        const g = wallGrid(w, h, n, 2)
        expect(g.columns * g.rows).toBeGreaterThanOrEqual(n)
        expect(g.columns * g.tileWidth + (g.columns - 1) * 2).toBeLessThanOrEqual(w)
        expect(g.rows * g.tileHeight + (g.rows - 1) * 2).toBeLessThanOrEqual(h)
      }
    }
  })
  it('is chosen to show every camera', () => {
    expect([1, 2, 5, 9, 30].map(layoutFor)).toEqual([1, 4, 6, 9, 9])
  })
})

describe('pages', () => {
  it('cut the cameras and survive a change of layout', () => {
    expect(pageOf([1, 2, 3, 4, 5], 4, 1)).toEqual({ items: [5], page: 1, pages: 2 })
    expect(pageOf([1, 2, 3, 4, 5], 9, 1)).toEqual({ items: [1, 2, 3, 4, 5], page: 0, pages: 1 })
    expect(pageOf([], 4, 0)).toEqual({ items: [], page: 0, pages: 1 })
  })
})

describe('the tree', () => {
  it('puts windows first and leaves out empty zones', () => {
    const tree = hallTree(HALL)
    expect(tree.map((z) => z.zone.type)).toEqual(['综合受理区', '休息等候区'])
    expect(tree[0]!.windows.map((w) => w.window.id)).toEqual(['01', '02', '03', '04'])
    expect(tree[1]!.cameras.map((c) => c.id)).toEqual(['C5'])
  })
  it('gives each camera one tile, in the order of the hall', () => {
    expect(wallOrder(HALL)).toEqual(['C1', 'C2', 'C3', 'C5'])
  })
})
