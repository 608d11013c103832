/** Server-sent events from text that may be cut anywhere. Pure: pieces in, events out. */
export interface Sent {
  id: string | null
  data: string
}

export class SseParser {
  #rest = ''
  #id: string | null = null
  #data: string[] = []

  feed(piece: string): Sent[] {
    const lines = (this.#rest + piece).split('\n')
    this.#rest = lines.pop() ?? ''
    return lines.flatMap((line) => this.#line(line.replace(/\r$/, '')))
  }

  #line(line: string): Sent[] {
    if (line === '') return this.#dispatch()
    const [, field, value] = /^([^:]*)(?:: ?(.*))?$/.exec(line) ?? []
    if (field === 'data') this.#data.push(value ?? '')
    else if (field === 'id') this.#id = value ?? ''
    return []
  }

  #dispatch(): Sent[] {
    if (this.#data.length === 0) return []
    const event = { id: this.#id, data: this.#data.join('\n') }
    this.#data = []
    return [event]
  }
}
