/** Sentences that need both the catalogue and the hall. */

import { i18n } from '@/i18n'
import type { HallCamera } from '@/api/types'
import { dayFloor, formatDateTime, formatTime } from '@/pure/beijing-time'
import type { Source } from '@/pure/playback'
import type { Mark } from '@/pure/state-words'
import { serverTime } from '@/stores/clock'
import { cameraOf, hall, zoneName } from '@/stores/hall'

/** `03、04 号窗口 · 综合受理区`, or the camera's own name where no window is. */
export function placeOfCamera(camera: HallCamera | undefined, id: string): string {
  const { t } = i18n.global
  if (!camera) return t('place.camera', { id })
  return `${nameOfCamera(camera)} · ${zoneName(camera.zone)}`
}

/** The short form, without the zone. */
export function nameOfCamera(camera: HallCamera): string {
  const { t } = i18n.global
  if (camera.windows.length > 0) {
    const ids = camera.windows.join(i18n.global.locale.value === 'en' ? ', ' : '、')
    const names = camera.windows.map((w) => hall.value?.windows.find((x) => x.id === w)?.name).filter(Boolean)
    return [t('place.windows', { ids }), ...new Set(names)].join(' ')
  }
  const name = camera.name ?? t('place.camera', { id: camera.id })
  return camera.kind === 'ptz' ? `${name} ${t('place.ptz')}` : name
}

export function placeOfSource(source: Source): string {
  const { t } = i18n.global
  if (source.kind === 'camera') return placeOfCamera(cameraOf(source.id), source.id)
  const window = hall.value?.windows.find((w) => w.id === source.id)
  const name = [t('place.windows', { ids: source.id }), window?.name].filter(Boolean).join(' ')
  return window ? `${name} · ${zoneName(window.zone)}` : name
}

/** The time alone for today, with the date for other days. */
export function nearTime(ms: number): string {
  return dayFloor(ms) === dayFloor(serverTime()) ? formatTime(ms) : formatDateTime(ms)
}

export function wordsOf(mark: Mark): string {
  const { t } = i18n.global
  const words = t(mark.words.key, mark.words.params ?? {})
  return mark.sinceMs === null ? words : t('state.since', { words, time: nearTime(mark.sinceMs) })
}
