import { computed, ref } from 'vue'
import { ApiError, asApiError, readHall } from '@/api/client'
import type { Hall, HallCamera } from '@/api/types'

export const hall = ref<Hall | null>(null)
export const hallError = ref<ApiError | null>(null)

export async function loadHall(): Promise<void> {
  try {
    hall.value = await readHall()
    hallError.value = null
  } catch (e) {
    hallError.value = asApiError(e)
  }
}

const byId = computed(() => new Map(hall.value?.cameras.map((c) => [c.id, c])))

export function cameraOf(id: string): HallCamera | undefined {
  return byId.value.get(id)
}

/** The zone's name as people call it. */
export function zoneName(id: string): string {
  const zone = hall.value?.zones.find((z) => z.id === id)
  return zone ? (zone.name ?? zone.type) : id
}
