/** The HTTP API, typed by its own document (`make api`): what it answers as JSON, what it refuses as one kind of error. */
import createClient from 'openapi-fetch'
import type { paths } from './schema'

const ANSWER_MS = 20_000

export type Path = keyof paths
export type Query = Record<string, string | number | boolean | undefined>

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: Record<string, unknown> = {},
  ) {
    super(message)
  }
}

/** Told whenever the server does not know us (any more). */
let unauthorized: () => void = () => undefined

export function onUnauthorized(tell: () => void): void {
  unauthorized = tell
}

/** Every call raises ApiError when it is refused; a network that fails is status 0. */
export const api = createClient<paths>({ fetch: patient })

api.use({
  onResponse: async ({ response }) => {
    if (!response.ok) throw await refusal(response)
  },
})

async function patient(request: Request): Promise<Response> {
  try {
    return await fetch(request, { signal: AbortSignal.any([request.signal, AbortSignal.timeout(ANSWER_MS)]) })
  } catch (error) {
    if (request.signal.aborted) throw error
    throw new ApiError(0, 'unreachable', 'The server cannot be reached.')
  }
}

async function refusal(answer: Response): Promise<ApiError> {
  if (answer.status === 401) unauthorized()
  const said: unknown = await answer.json().catch(() => ({}))
  const details = typeof said === 'object' && said !== null ? (said as Record<string, unknown>) : {}
  const message = typeof details['message'] === 'string' ? details['message'] : `Request failed: ${answer.status}`
  return new ApiError(answer.status, String(details['code'] ?? ''), message, details)
}

/** What a call was answered. */
export async function answer<T>(call: Promise<{ data?: T }>): Promise<T> {
  return (await call).data as T
}

/** A text as it is, for `bodySerializer`: what is typed, and YAML. */
export const asIs = (text: string): string => text

/** A path with its placeholders filled in and its query appended, for what is no call: streams, links, downloads. */
export function address(path: Path, at: Record<string, string> = {}, query: Query = {}): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(at[name] ?? ''))
  const search = new URLSearchParams(Object.entries(given(query)).map(([name, value]) => [name, String(value)])).toString()
  return search ? `${filled}?${search}` : filled
}

/** A query without what is empty. */
export function given<T extends Query>(query: T): T {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined && value !== '')) as T
}

/** What to tell a person of anything that was thrown. */
export function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
