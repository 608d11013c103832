/** What can be done from the keyboard: the palette, and the keys that need none. */
export interface Command {
  id: string
  label: string
  hint?: string
  keys?: string
  run: () => void
}

class Commands {
  paletteOpen = $state(false)
  helpOpen = $state(false)
  /** What the screen in view offers, beside what is always there. */
  local = $state.raw<Command[]>([])

  /** Do what the screen in view offers under `id`, if it does. */
  perform(id: string): void {
    this.local.find((command) => command.id === id)?.run()
  }
}

export const commands = new Commands()

/** How well `words` fit a label: every word must be in it; earlier is better. -1: not at all. */
export function fit(label: string, words: string): number {
  const text = label.toLowerCase()
  let score = 0
  for (const word of words.toLowerCase().split(/\s+/).filter(Boolean)) {
    const place = text.indexOf(word)
    if (place < 0) return -1
    score += 100 - Math.min(place, 99)
  }
  return score
}

/** Keys are two strokes (`g h`) or one (`?`), typed outside any field. */
export class Strokes {
  #first = ''
  #at = 0

  press(key: string, at: number): string {
    const combined = this.#first && at - this.#at < 1_000 ? `${this.#first} ${key}` : key
    this.#first = key === 'g' ? 'g' : ''
    this.#at = at
    return combined
  }
}
