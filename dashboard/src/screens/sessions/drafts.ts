/** Prompts not sent yet, by session: they outlive a change of tab and a reload, and end with the browser's tab. */
const key = (uid: string): string => `gestalt.draft.${uid}`

export const draftOf = (uid: string): string => sessionStorage.getItem(key(uid)) ?? ''

export function keepDraft(uid: string, text: string): void {
  if (text) sessionStorage.setItem(key(uid), text)
  else sessionStorage.removeItem(key(uid))
}

/** Walking through earlier prompts: the draft is the last step of the walk. Pure. */
export class Walk {
  #at: number

  constructor(
    private readonly earlier: string[],
    private readonly draft: string,
  ) {
    this.#at = earlier.length
  }

  /** -1: earlier, 1: later. */
  step(by: number): string {
    this.#at = Math.max(0, Math.min(this.earlier.length, this.#at + by))
    return this.earlier[this.#at] ?? this.draft
  }
}
