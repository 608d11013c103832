/** What happens in workspace and sessions: screens subscribe to the types that make them look again. */
import type { PublicEvent } from '../api/types'
import { EventSocket } from './event-socket'

const PATHS = ['/ws/events', '/api/sessions/events', '/api/agents/events', '/api/config/events'] as const

type Hear = (event: PublicEvent) => void

class Events {
  #hearers = new Set<Hear>()
  #sockets: EventSocket[] = []

  open(): void {
    if (this.#sockets.length) return
    const listener = { event: (event: unknown) => this.#told(event as PublicEvent) }
    this.#sockets = PATHS.map((path) => new EventSocket(path, {}, listener))
  }

  close(): void {
    for (const socket of this.#sockets) socket.close()
    this.#sockets = []
  }

  /** Call `hear` with every event until the returned function is called. A `reset` event means: look at everything. */
  on(hear: Hear): () => void {
    this.#hearers.add(hear)
    return () => this.#hearers.delete(hear)
  }

  #told(event: PublicEvent): void {
    for (const hear of this.#hearers) hear(event)
  }
}

export const events = new Events()
