/** How the wall lays out its tiles, and what belongs to which zone. */

import type { Hall, HallCamera, HallWindow, HallZone } from '@/api/types'

/** Numbers of tiles that can be chosen, also by the key of the same number. */
export const LAYOUTS = [1, 4, 6, 9]
/** Height of the line under each picture in pixels. */
export const CAPTION_PX = 32

export interface Grid {
  columns: number
  rows: number
  tileWidth: number
  tileHeight: number
}

/** Of grids that make the pictures almost equally large, the widest is taken. */
const ALMOST = 0.97

/** The grid for `n` tiles with 16:9 pictures that makes the pictures largest in the given room. */
export function wallGrid(width: number, height: number, n: number, gap: number): Grid {
  const grids = Array.from({ length: n }, (_, i): Grid => {
    const columns = i + 1
    const rows = Math.ceil(n / columns)
    const roomX = (width - gap * (columns - 1)) / columns
    const roomY = (height - gap * (rows - 1)) / rows - CAPTION_PX
    const tileWidth = Math.floor(Math.max(0, Math.min(roomX, (roomY * 16) / 9)))
    return { columns, rows, tileWidth, tileHeight: Math.floor((tileWidth * 9) / 16) + CAPTION_PX }
  })
  const widest = Math.max(...grids.map((g) => g.tileWidth))
  return grids.findLast((g) => g.tileWidth >= widest * ALMOST)!
}

/** The layout that shows all cameras at once, or the largest there is. */
export function layoutFor(cameras: number): number {
  return LAYOUTS.find((n) => n >= cameras) ?? LAYOUTS.at(-1)!
}

/** Page `page` of `items` in pages of `size`; a page that no longer exists gives the last. */
export function pageOf<T>(items: T[], size: number, page: number): { items: T[]; page: number; pages: number } {
  const pages = Math.max(1, Math.ceil(items.length / size))
  const at = Math.min(Math.max(0, page), pages - 1)
  return { items: items.slice(at * size, (at + 1) * size), page: at, pages }
}

export interface TreeZone {
  zone: HallZone
  windows: { window: HallWindow; camera: string }[]
  /** Cameras of the zone at which no window looks. */
  cameras: HallCamera[]
}

/** The hall as a tree: zones in the order of the hall file, in each its windows and then the cameras without a window. */
export function hallTree(hall: Hall): TreeZone[] {
  return hall.zones
    .map((zone) => ({
      zone,
      windows: hall.windows.filter((w) => w.zone === zone.id).map((window) => ({ window, camera: window.camera })),
      cameras: hall.cameras.filter((c) => c.zone === zone.id && c.windows.length === 0),
    }))
    .filter((z) => z.windows.length > 0 || z.cameras.length > 0)
}

/** Every camera once, in the order of the tree, so that neighbours in the hall are neighbours on the wall. */
export function wallOrder(hall: Hall): string[] {
  const order = hallTree(hall).flatMap((z) => [...z.windows.map((w) => w.camera), ...z.cameras.map((c) => c.id)])
  return [...new Set([...order, ...hall.cameras.map((c) => c.id)])]
}
