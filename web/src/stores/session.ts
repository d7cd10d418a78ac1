import { ref } from 'vue'
import { ApiError, closeSession, openSession, readSession } from '@/api/client'
import type { User } from '@/api/types'

/** Who is signed in; `null` when nobody is. */
export const user = ref<User | null>(null)
let asked = false

/** Asks the server once who is signed in. A server that cannot be reached leaves the question open. */
export async function knowUser(): Promise<User | null> {
  if (!asked) {
    try {
      user.value = await readSession()
      asked = true
    } catch (e) {
      if (e instanceof ApiError && e.code === 'unreachable') throw e
      asked = true
    }
  }
  return user.value
}

export async function signIn(name: string, password: string): Promise<void> {
  user.value = await openSession(name, password)
  asked = true
}

export async function signOut(): Promise<void> {
  try {
    await closeSession()
  } finally {
    forgetUser()
  }
}

export function forgetUser() {
  user.value = null
  asked = true
}
