/** Plays a recording into a terminal: at a speed, from any moment. Time is handed in, so that it can be tested. */
import { after, sizeOf, type Cast, type Frame } from './cast'

export interface Stage {
  show(text: string): void
  size(cols: number, rows: number): void
  clear(): void
}

export class Player {
  position = 0
  speed = 1
  #next = 0

  constructor(
    private readonly cast: Cast,
    private readonly stage: Stage,
  ) {
    this.seek(0)
  }

  get over(): boolean {
    return this.#next >= this.cast.frames.length
  }

  /** Go on by so much real time. */
  advance(seconds: number): void {
    this.#playTo(Math.min(this.cast.seconds, this.position + seconds * this.speed))
  }

  /** Show what was there at a moment: all that was said before it, at once. */
  seek(seconds: number): void {
    this.stage.clear()
    this.stage.size(this.cast.cols, this.cast.rows)
    this.#next = 0
    this.#playTo(seconds)
  }

  #playTo(seconds: number): void {
    const end = after(this.cast.frames, seconds)
    const due = this.cast.frames.slice(this.#next, end)
    this.#next = Math.max(this.#next, end)
    this.position = seconds
    for (const piece of together(due)) this.#perform(piece)
  }

  #perform({ kind, data }: Frame): void {
    if (kind === 'o') return this.stage.show(data)
    const { cols, rows } = sizeOf(data)
    this.stage.size(cols, rows)
  }
}

/** Output between two resizes in one piece. */
function together(frames: Frame[]): Frame[] {
  const pieces: Frame[] = []
  for (const frame of frames) {
    const last = pieces.at(-1)
    if (frame.kind === 'o' && last?.kind === 'o') last.data += frame.data
    else pieces.push({ ...frame })
  }
  return pieces
}
