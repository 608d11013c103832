/**
 * One reconnecting event stream over fetch. Unlike EventSource it sees the HTTP status, so that a lost login is told
 * from a server that is away; and it resumes by Last-Event-ID after every end.
 */
import { address, ApiError, type Path, type Query } from '../api/client'
import { delay } from './backoff'
import { SseParser } from './sse-parser'

/** Twice the server's sign of life and a little: after this much silence the connection is dead. */
const SILENCE_MS = 35_000

export interface Listener {
  event: (data: unknown) => void
  /** Connected, or not any more. */
  state?: (connected: boolean) => void
  unauthorized?: () => void
}

export class EventStream {
  #last: string | null = null
  #stopped = new AbortController()
  #wake: () => void = () => undefined

  /** `after`: the last event that is known already. */
  constructor(
    private readonly path: Path,
    private readonly query: Query,
    private readonly listener: Listener,
    after: string | null = null,
  ) {
    this.#last = after
    void this.#follow()
  }

  /** The last event that came. */
  get last(): string | null {
    return this.#last
  }

  close(): void {
    this.#stopped.abort()
    this.#wake()
  }

  /** Try now, if it waits to try again. */
  retry(): void {
    this.#wake()
  }

  async #follow(): Promise<void> {
    for (let failures = 0; !this.#stopped.signal.aborted; ) {
      try {
        await this.#once(() => (failures = 0))
      } catch (error) {
        if (error instanceof ApiError && error.status === 401) return this.listener.unauthorized?.()
      }
      if (this.#stopped.signal.aborted) return
      this.listener.state?.(false)
      failures += 1
      await this.#rest(delay(failures))
    }
  }

  async #rest(milliseconds: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds)
      this.#wake = () => (clearTimeout(timer), resolve())
    })
  }

  async #once(connected: () => void): Promise<void> {
    const quiet = new AbortController()
    let timer = setTimeout(() => quiet.abort(), SILENCE_MS)
    const signal = AbortSignal.any([this.#stopped.signal, quiet.signal])
    const headers: Record<string, string> = this.#last === null ? {} : { 'Last-Event-ID': this.#last }
    try {
      const answer = await fetch(address(this.path, {}, this.query), { headers, signal, credentials: 'same-origin' })
      if (!answer.ok || !answer.body) throw new ApiError(answer.status, '', 'no stream')
      connected()
      this.listener.state?.(true)
      await this.#read(answer.body, () => {
        clearTimeout(timer)
        timer = setTimeout(() => quiet.abort(), SILENCE_MS)
      })
    } finally {
      clearTimeout(timer)
    }
  }

  async #read(body: ReadableStream<Uint8Array>, alive: () => void): Promise<void> {
    const parser = new SseParser()
    const decoder = new TextDecoder()
    const reader = body.getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      alive()
      for (const { id, data } of parser.feed(decoder.decode(value, { stream: true }))) {
        if (id !== null) this.#last = id
        this.listener.event(JSON.parse(data))
      }
    }
  }
}
