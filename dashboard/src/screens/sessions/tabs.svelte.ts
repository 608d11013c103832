/** Which sessions are open as tabs, in which order; what has happened in those not in view. */
import type { Session } from '../../lib/api/types'

const KEY = 'gestalt.tabs'

function kept(): string[] {
  try {
    const found: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? '[]')
    return Array.isArray(found) ? found.filter((uid) => typeof uid === 'string') : []
  } catch {
    return []
  }
}

class Tabs {
  open = $state.raw<string[]>(kept())
  /** Bytes seen by uid: more than that, and the tab says so. */
  #seen = new Map<string, number>()
  rung = $state.raw<ReadonlySet<string>>(new Set())

  show(uid: string): void {
    if (!this.open.includes(uid)) this.#keep([...this.open, uid])
  }

  close(uid: string): void {
    this.#keep(this.open.filter((other) => other !== uid))
  }

  /** The tab beside `uid`, for when that is closed. */
  beside(uid: string): string | undefined {
    const at = this.open.indexOf(uid)
    return this.open[at + 1] ?? this.open[at - 1]
  }

  looked({ uid, output_bytes }: Session): void {
    this.#seen.set(uid, output_bytes)
    if (this.rung.has(uid)) this.rung = new Set([...this.rung].filter((other) => other !== uid))
  }

  rang(uid: string): void {
    this.rung = new Set([...this.rung, uid])
  }

  news({ uid, output_bytes }: Session): boolean {
    return output_bytes > (this.#seen.get(uid) ?? output_bytes)
  }

  #keep(open: string[]): void {
    this.open = open
    sessionStorage.setItem(KEY, JSON.stringify(open))
  }
}

export const tabs = new Tabs()
