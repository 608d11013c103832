/**
 * Where a viewer is in a session's output, over as many connections as it takes. Pure: frames in, places out.
 *
 * Bytes are counted from what `ready` says on, so the place to come back to is exact: no gap, no repeat.
 */
export type Word =
  | { type: 'ready'; cursor: number; cols: number; rows: number; readonly: boolean }
  | { type: 'snapshot'; cursor: number; cols: number; rows: number }
  | { type: 'reset'; base: number; reason: string }
  | { type: 'resize'; cols: number; rows: number }
  | { type: 'leader'; you: boolean }
  | { type: 'exit'; exit_code: number | null }

export const TAIL_BYTES = 256 * 1024
export const ACK_BYTES = 64 * 1024
const FINAL_CODES = new Set([1000, 1008, 4404])

export class Attachment {
  /** The offset of the next byte to come. Null before the first `ready`. */
  received: number | null = null
  /** Up to where the terminal has parsed. */
  parsed = 0
  /** Whether the server knows acks: it says who leads, or sends snapshots, only then. An older one would type them. */
  acknowledges = false
  #acknowledged = 0
  #redraw = false

  /** What to ask for when connecting. A server without snapshots sends the tail. */
  query(readonly: boolean): Record<string, string> {
    const how: Record<string, string> = readonly ? { control: '1', readonly: '1' } : { control: '1' }
    if (this.received !== null) return { ...how, cursor: String(this.received) }
    return { ...how, snapshot: '1', tail: String(TAIL_BYTES) }
  }

  /** Takes a control frame; whether the terminal must be emptied before what follows. */
  word(word: Word): boolean {
    if (word.type === 'ready') return this.#ready(word.cursor)
    if (word.type === 'reset') return this.#jump(word.base)
    if (word.type === 'leader') this.acknowledges = true
    if (word.type !== 'snapshot') return false
    this.acknowledges = true
    this.#redraw = true
    return this.#jump(word.cursor)
  }

  #ready(cursor: number): boolean {
    const resumes = cursor === this.received
    const first = this.received === null
    this.#acknowledged = cursor
    if (!resumes) this.#jump(cursor)
    return !resumes && !first
  }

  #jump(offset: number): boolean {
    this.received = this.parsed = this.#acknowledged = offset
    return true
  }

  /** Takes a binary frame of `size` bytes; how far the terminal has parsed once these are (null: they count nothing). */
  bytes(size: number): number | null {
    if (this.#redraw) {
      this.#redraw = false
      return null
    }
    this.received = (this.received ?? 0) + size
    return this.received
  }

  /** The terminal has parsed up to `offset`; the ack to send, if one is due. */
  progress(offset: number): number | null {
    this.parsed = Math.max(this.parsed, offset)
    if (!this.acknowledges || this.parsed - this.#acknowledged < ACK_BYTES) return null
    return (this.#acknowledged = this.parsed)
  }

  /** Whether connecting again makes sense after a close code. */
  static final(code: number): boolean {
    return FINAL_CODES.has(code)
  }
}
