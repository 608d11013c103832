/** Questions to the person in front of the page, as promises. One at a time. */
export interface Question {
  title: string
  text: string
  confirm: string
  danger: boolean
  answer: (yes: boolean) => void
}

class Dialogs {
  question = $state.raw<Question | null>(null)

  ask(title: string, text: string, { confirm = 'OK', danger = false } = {}): Promise<boolean> {
    this.question?.answer(false)
    return new Promise((resolve) => {
      this.question = {
        title, text, confirm, danger,
        answer: (yes) => {
          this.question = null
          resolve(yes)
        },
      }
    })
  }
}

export const dialogs = new Dialogs()
