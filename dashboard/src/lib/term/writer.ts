/**
 * Feeds a terminal: one write in flight, the next inside its callback, slices that keep the page answering. Measured to
 * be what lets a keystroke's echo pass beside a flood: a queue inside the terminal cannot be overtaken.
 */
export const SLICE = 64 * 1024

interface Item {
  data: Uint8Array
  /** Told when all of it is parsed. */
  done: () => void
}

export class Writer {
  #queue: Item[] = []
  #writing = false
  #waiting = 0
  #turn = 0

  constructor(private readonly write: (slice: Uint8Array, parsed: () => void) => void) {}

  /** Bytes not parsed yet. */
  get waiting(): number {
    return this.#waiting
  }

  push(data: Uint8Array, done: () => void = () => undefined): void {
    this.#queue.push({ data, done })
    this.#waiting += data.length
    if (!this.#writing) this.#next()
  }

  /** Forget what waits. A slice that is being parsed is parsed, and told to nobody. */
  clear(): void {
    this.#queue = []
    this.#waiting = 0
    this.#turn += 1
  }

  /** `done` once everything given before is parsed. */
  inTurn(done: () => void): void {
    this.push(new Uint8Array(0), done)
  }

  #next(): void {
    const item = this.#queue[0]
    this.#writing = item !== undefined
    if (!item) return
    if (item.data.length === 0) {
      this.#queue.shift()
      item.done()
      return this.#next()
    }
    const slice = item.data.subarray(0, SLICE)
    const turn = this.#turn
    this.write(slice, () => {
      if (turn === this.#turn) this.#account(item, slice.length)
      this.#next()
    })
  }

  #account(item: Item, size: number): void {
    this.#waiting -= size
    item.data = item.data.subarray(size)
    if (item.data.length > 0) return
    this.#queue.shift()
    item.done()
  }
}
