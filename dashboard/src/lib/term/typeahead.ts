/** What is typed while the connection is away: a little of it, for a little while. What is older is nobody's wish any more. Pure. */
const MOST_BYTES = 4_096
const KEPT_MS = 10_000

export class Typeahead {
  #held: { at: number; data: Uint8Array<ArrayBuffer> }[] = []
  #size = 0

  /** Keep `data`, typed at `now`; false if there is no room, or it would go with what is too old. Nothing is kept in part. */
  keep(data: Uint8Array<ArrayBuffer>, now: number): boolean {
    const first = this.#held[0]
    if (this.#size + data.length > MOST_BYTES || (first && now - first.at > KEPT_MS)) return false
    this.#held.push({ at: now, data })
    this.#size += data.length
    return true
  }

  /** Everything, in order, if the first of it is not too old; nothing is left. */
  take(now: number): Uint8Array<ArrayBuffer>[] {
    const held = this.#held
    this.#held = []
    this.#size = 0
    const first = held[0]
    return first && now - first.at <= KEPT_MS ? held.map(({ data }) => data) : []
  }
}
