/** The HTTP side of the contract: one function per request, one error type. */

import { i18n, say } from '@/i18n'
import { toRfc3339 } from '@/pure/beijing-time'
import type { Source } from '@/pure/playback'
import type { ApiErrorBody, Bilingual, Hall, PictureSize, PlaybackGrant, Recorder, Timeline, User } from './types'

/** Why a request was not fulfilled. `code` is the server's, or `unreachable` / `unexpected`. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    private readonly text: Bilingual | null,
    readonly requestId: string | null,
    readonly retryAfterS: number | null = null,
  ) {
    super(`${code} (${status})`)
  }

  /** What is wrong, what it affects and what to do, in the page's language. */
  get words(): string {
    const { t } = i18n.global
    if (this.code === 'unreachable') return t('error.unreachable')
    return this.text ? say(this.text) : t('error.unexpected', { status: this.status })
  }

  /** The words followed by the number under which the server's log has more. */
  get wordsWithNumber(): string {
    return this.requestId ? `${this.words}(${i18n.global.t('error.number', { id: this.requestId })})` : this.words
  }
}

/** Any thrown value as an [`ApiError`]. */
export function asApiError(e: unknown): ApiError {
  return e instanceof ApiError ? e : new ApiError(0, 'unexpected', null, null)
}

let onSignedOut: () => void = () => {}

/** Registers what happens when the server no longer knows the session. */
export function whenSignedOut(act: () => void) {
  onSignedOut = act
}

async function request<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  let response: Response
  try {
    response = await fetch(path, {
      method,
      credentials: 'same-origin',
      signal: signal ?? null,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        // A page of another origin cannot send this header: the server's defence against forged requests.
        ...(method === 'GET' ? {} : { 'x-jiancha': '1' }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    })
  } catch (e) {
    if (e instanceof DOMException && e.name === 'AbortError') throw e
    throw new ApiError(0, 'unreachable', null, null)
  }
  if (!response.ok) throw await refusal(response)
  return (response.status === 204 ? undefined : await response.json()) as T
}

async function refusal(response: Response): Promise<ApiError> {
  const number = response.headers.get('x-request-id')
  const after = Number(response.headers.get('retry-after'))
  let error: ApiError
  try {
    const { error: e } = (await response.json()) as ApiErrorBody
    error = new ApiError(response.status, e.code, e, e.request_id ?? number, after > 0 ? after : null)
  } catch {
    error = new ApiError(response.status, 'unexpected', null, number, after > 0 ? after : null)
  }
  if (error.code === 'not-signed-in') onSignedOut()
  return error
}

export async function readSession(): Promise<User> {
  return (await request<{ user: User }>('GET', '/api/v1/session')).user
}

export async function openSession(username: string, password: string): Promise<User> {
  return (await request<{ user: User }>('POST', '/api/v1/session', { username, password })).user
}

export function closeSession(): Promise<void> {
  return request('DELETE', '/api/v1/session')
}

export function readHall(): Promise<Hall> {
  return request('GET', '/api/v1/hall')
}

export function readRecorder(): Promise<Recorder> {
  return request('GET', '/api/v1/recorder')
}

export function readTimeline(source: Source, fromMs: number, toMs: number, signal?: AbortSignal): Promise<Timeline> {
  const query = new URLSearchParams({ [source.kind]: source.id, from: toRfc3339(fromMs), to: toRfc3339(toMs) })
  return request('GET', `/api/v1/timeline?${query}`, undefined, signal)
}

export function openPlayback(source: Source, fromMs: number, toMs: number | null): Promise<PlaybackGrant> {
  return request('POST', '/api/v1/playback', {
    [source.kind]: source.id,
    from: toRfc3339(fromMs),
    to: toMs === null ? null : toRfc3339(toMs),
  })
}

/** Address of a camera's live WebSocket. */
export function liveAddress(camera: string, picture: PictureSize): string {
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:'
  return `${scheme}//${location.host}/api/v1/live/${encodeURIComponent(camera)}${picture === 'wall' ? '?picture=wall' : ''}`
}
