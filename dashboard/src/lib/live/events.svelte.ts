/** What happens in workspace and sessions: screens subscribe to the types that make them look again. */
import type { PublicEvent } from '../api/types'
import { EventStream } from './stream'

type Hear = (event: PublicEvent) => void

class Events {
  #hearers = new Set<Hear>()
  #stream: EventStream | null = null

  open(): void {
    this.#stream ??= new EventStream('/api/events/stream', {}, { event: (event) => this.#told(event as PublicEvent) })
  }

  close(): void {
    this.#stream?.close()
    this.#stream = null
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
