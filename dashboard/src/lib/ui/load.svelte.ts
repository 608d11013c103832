/** Something fetched: its value, whether it is on its way, and what went wrong. A later answer never yields to an earlier. */
import { said } from '../api/client'

export class Loaded<T> {
  value = $state.raw<T | null>(null)
  problem = $state('')
  busy = $state(false)
  #turn = 0

  constructor(private readonly fetch: () => Promise<T>) {}

  async load(): Promise<void> {
    const turn = ++this.#turn
    this.busy = true
    try {
      const value = await this.fetch()
      if (turn !== this.#turn) return
      this.value = value
      this.problem = ''
    } catch (error) {
      if (turn === this.#turn) this.problem = said(error)
    } finally {
      if (turn === this.#turn) this.busy = false
    }
  }
}
