/**
 * A stream of events over a WebSocket, which reconnects from the last event it had. Browsers allow six HTTP connections
 * to a server, event streams included, and some hundred WebSockets: what has a socket is read by it.
 */
import { delay } from './backoff'
import type { Listener } from './stream'

export class EventSocket {
  #socket: WebSocket | null = null
  #last: string | null = null
  #failures = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  #closed = false

  /** `after`: the last event that is known already. */
  constructor(
    private readonly path: '/ws/logs' | '/ws/events' | '/api/sessions/events' | '/api/agents/events' | '/api/config/events',
    private readonly query: Record<string, string>,
    private readonly listener: Listener,
    after: string | null = null,
  ) {
    this.#last = after
    this.#connect()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#socket?.close(1000)
  }

  #connect(): void {
    const wanted = Object.entries({ ...this.query, ...(this.#last === null ? {} : { after: this.#last }) }).filter(([, value]) => value !== '')
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
    const socket = new WebSocket(`${scheme}://${location.host}${this.path}?${new URLSearchParams(wanted).toString()}`)
    socket.onopen = () => {
      this.#failures = 0
      this.listener.state?.(true)
    }
    socket.onmessage = ({ data }) => this.#heard(JSON.parse(data as string) as { id?: string })
    socket.onclose = () => this.#ended()
    this.#socket = socket
  }

  #heard(event: { id?: string }): void {
    if (event.id) this.#last = event.id
    this.listener.event(event)
  }

  #ended(): void {
    if (this.#closed) return
    this.listener.state?.(false)
    this.#failures += 1
    this.#timer = setTimeout(() => this.#connect(), delay(this.#failures))
  }
}
