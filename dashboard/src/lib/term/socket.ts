/** One session's WebSocket, for ever: it comes back from where it was, until the session has ended. */
import { delay } from '../live/backoff'
import { Attachment, type Word } from './attachment'
import { Typeahead } from './typeahead'

/** Without acks nothing else slows a server that sends faster than the terminal parses. */
const LARGEST_BACKLOG = 16 * 1024 * 1024
const SMALL_BACKLOG = 1024 * 1024

export type Link = 'connecting' | 'connected' | 'lost' | 'ended' | 'gone' | 'refused'

export interface Screen {
  /** Parse bytes; `done` once that has happened. */
  write(data: Uint8Array, done: () => void): void
  /** Empty everything, scrollback too. */
  reset(): void
  /** Bytes given and not parsed yet. */
  readonly backlog: number
}

export interface Told {
  link(state: Link): void
  word(word: Word): void
}

export class SessionSocket {
  readonly attachment = new Attachment()
  #socket: WebSocket | null = null
  #failures = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  #closed = false
  #holding = false
  /** Whether the server has begun to talk on this connection. */
  #ready = false
  readonly #ahead = new Typeahead()

  constructor(
    private readonly uid: string,
    private readonly readonly: boolean,
    private readonly screen: Screen,
    private readonly told: Told,
  ) {
    this.#connect()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#socket?.close(1000)
  }

  /** Try now, if it waits to try again. */
  retry(): void {
    if (this.#timer === undefined || this.#closed) return
    clearTimeout(this.#timer)
    this.#connect()
  }

  /** Whether it was sent, or will be if the connection is back within ten seconds. */
  type(text: string): boolean {
    return this.typeBytes(new TextEncoder().encode(text))
  }

  typeBytes(data: Uint8Array<ArrayBuffer>): boolean {
    if (!this.#ready && !this.readonly && !this.#closed) return this.#ahead.keep(data, performance.now())
    return this.#send(data)
  }

  resize(cols: number, rows: number): void {
    this.#send(JSON.stringify({ type: 'resize', cols, rows }))
  }

  #send(frame: string | Uint8Array<ArrayBuffer>): boolean {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false
    this.#socket.send(frame)
    return true
  }

  #connect(): void {
    this.#timer = undefined
    this.#ready = false
    this.told.link('connecting')
    const search = new URLSearchParams(this.attachment.query(this.readonly)).toString()
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
    const socket = new WebSocket(`${scheme}://${location.host}/ws/session/${encodeURIComponent(this.uid)}?${search}`)
    socket.binaryType = 'arraybuffer'
    socket.onmessage = ({ data }) => this.#heard(socket, data as string | ArrayBuffer)
    socket.onclose = ({ code }) => this.#ended(socket, code)
    this.#socket = socket
  }

  #heard(socket: WebSocket, data: string | ArrayBuffer): void {
    if (socket !== this.#socket) return
    if (typeof data === 'string') this.#word(JSON.parse(data) as Word)
    else this.#bytes(new Uint8Array(data))
  }

  #word(word: Word): void {
    if (this.attachment.word(word)) this.screen.reset()
    if (word.type === 'ready') {
      this.#failures = 0
      this.#ready = true
      this.told.link('connected')
      for (const data of this.#ahead.take(performance.now())) this.#send(data)
    }
    this.told.word(word)
  }

  #bytes(data: Uint8Array): void {
    const end = this.attachment.bytes(data.length)
    this.screen.write(data, () => this.#parsed(end))
    if (!this.attachment.acknowledges && this.screen.backlog > LARGEST_BACKLOG) this.#hold()
  }

  #parsed(end: number | null): void {
    const ack = end === null ? null : this.attachment.progress(end)
    if (ack !== null) this.#send(JSON.stringify({ type: 'ack', cursor: ack }))
    if (this.#holding && this.screen.backlog < SMALL_BACKLOG) {
      this.#holding = false
      this.#connect()
    }
  }

  /** Too much at once: hang up, and come back for the rest when this is parsed. */
  #hold(): void {
    const socket = this.#socket
    this.#socket = null
    this.#ready = false
    this.#holding = true
    socket?.close(1000)
  }

  #ended(socket: WebSocket, code: number): void {
    if (socket !== this.#socket || this.#closed) return
    this.#socket = null
    this.#ready = false
    if (Attachment.final(code)) {
      this.#closed = true
      this.told.link(code === 1000 ? 'ended' : code === 4404 ? 'gone' : 'refused')
      return
    }
    this.told.link('lost')
    this.#failures += 1
    this.#timer = setTimeout(() => this.#connect(), delay(this.#failures))
  }
}
