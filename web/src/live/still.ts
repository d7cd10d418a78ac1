import { formatDay, formatTenths } from '@/pure/beijing-time'

/** Saves the picture now shown as a PNG file. `atMs` is when it was taken. False when there is no picture. */
export async function saveStill(video: HTMLVideoElement, name: string, atMs: number): Promise<boolean> {
  if (video.videoWidth === 0) return false
  const canvas = document.createElement('canvas')
  canvas.width = video.videoWidth
  canvas.height = video.videoHeight
  canvas.getContext('2d')?.drawImage(video, 0, 0)
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, 'image/png'))
  if (!blob) return false
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = `${name} ${formatDay(atMs)} ${formatTenths(atMs).replaceAll(':', '')}.png`.replace(/[\\/:*?"<>|]/g, '_')
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
  return true
}
