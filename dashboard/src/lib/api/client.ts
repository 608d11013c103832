/** The HTTP API: paths with their parts encoded, answers as JSON, refusals as one kind of error. */
import type { Path } from './routes'

const ANSWER_MS = 20_000

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

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
export type Query = Record<string, string | number | boolean | undefined>

export interface Options {
  /** Values of the path's placeholders. */
  at?: Record<string, string>
  query?: Query
  json?: unknown
  text?: string
  type?: string
  headers?: Record<string, string>
  signal?: AbortSignal
}

/** Told whenever the server does not know us (any more). */
let unauthorized: () => void = () => undefined

export function onUnauthorized(tell: () => void): void {
  unauthorized = tell
}

/** A path of the route table with its placeholders filled in and its query appended. */
export function address(path: Path, at: Record<string, string> = {}, query: Query = {}): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(at[name] ?? ''))
  const wanted = Object.entries(query).filter(([, value]) => value !== undefined && value !== '')
  const search = new URLSearchParams(wanted.map(([name, value]) => [name, String(value)])).toString()
  return search ? `${filled}?${search}` : filled
}

/** Raises ApiError; a network that fails is status 0. */
export async function call<T>(method: Method, path: Path, options: Options = {}): Promise<T> {
  const answer = await send(method, path, options)
  if (!answer.ok) throw await refusal(answer)
  if (answer.status === 204 || answer.status === 202) return undefined as T
  return (await answer.json()) as T
}

export const get = <T>(path: Path, options?: Options): Promise<T> => call<T>('GET', path, options)
export const post = <T = void>(path: Path, options?: Options): Promise<T> => call<T>('POST', path, options)

async function send(method: Method, path: Path, options: Options): Promise<Response> {
  const timeout = AbortSignal.timeout(ANSWER_MS)
  const signal = options.signal ? AbortSignal.any([timeout, options.signal]) : timeout
  const body = options.json === undefined ? options.text : JSON.stringify(options.json)
  const type = options.json === undefined ? options.type : 'application/json'
  const headers = { ...options.headers, ...(type ? { 'Content-Type': type } : {}) }
  try {
    const url = address(path, options.at, options.query)
    return await fetch(url, { method, headers, signal, credentials: 'same-origin', ...(body === undefined ? {} : { body }) })
  } catch (error) {
    if (options.signal?.aborted) throw error
    throw new ApiError(0, 'unreachable', 'The server cannot be reached.')
  }
}

async function refusal(answer: Response): Promise<ApiError> {
  if (answer.status === 401) unauthorized()
  const said = await answer.json().catch(() => ({}))
  const details = typeof said === 'object' && said !== null ? (said as Record<string, unknown>) : {}
  const message = typeof details['message'] === 'string' ? details['message'] : `Request failed: ${answer.status}`
  return new ApiError(answer.status, String(details['code'] ?? ''), message, details)
}

/** What to tell a person of anything that was thrown. */
export function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
