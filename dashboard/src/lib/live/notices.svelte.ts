/** Notifications: short messages now, their history later, on the desktop if a person wants that. */
import type { Notice } from '../api/types'
import { preferences } from '../ui/preferences.svelte'
import { EventStream } from './stream'

const KEPT = 200
/** What is older is in the history, and no toast. */
const NEWS_MS = 120_000
const SHOWN_MS = { info: 5_000, warning: 8_000, error: 15_000 }
const WEIGHT = { info: 0, warning: 1, error: 2 }

const KEY = 'gestalt.notices'

interface Kept {
  last: string | null
  history: Notice[]
}

/** What a reload of the page would else forget. */
function kept(): Kept {
  try {
    const found: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? 'null')
    if (typeof found === 'object' && found !== null && Array.isArray((found as Kept).history)) return found as Kept
  } catch {
    // written by something else
  }
  return { last: null, history: [] }
}

class Notices {
  history = $state.raw<Notice[]>(kept().history)
  toasts = $state.raw<Notice[]>([])
  unread = $state(0)
  #stream: EventStream | null = null
  #last: string | null = kept().last
  #local = 0

  open(): void {
    this.#stream ??= new EventStream('/api/notifications/stream', {}, { event: (one) => this.#heard(one as Notice) }, this.#last)
  }

  close(): void {
    this.#last = this.#stream?.last ?? this.#last
    this.#stream?.close()
    this.#stream = null
  }

  /** Something of the page's own to tell. */
  say(message: string, level: Notice['level'] = 'info'): void {
    this.#local += 1
    this.#add({ id: `page-${Date.now()}-${this.#local}`, type: 'page', level, message, timestamp: new Date().toISOString() })
  }

  dismiss(id: string): void {
    this.toasts = this.toasts.filter((toast) => toast.id !== id)
  }

  read(): void {
    this.unread = 0
  }

  clear(): void {
    this.history = []
    this.unread = 0
    this.#keep()
  }

  #heard(notice: Notice): void {
    if (!notice.message || this.history.some(({ id }) => id === notice.id)) return
    if (Date.now() - Date.parse(notice.timestamp) > NEWS_MS) {
      this.#file(notice) // missed, or told again after a reset
      return
    }
    this.#add(notice)
    this.#onDesktop(notice.session_id ?? 'Gestalt', notice.message, notice.id)
  }

  /** A terminal's bell: for who looks elsewhere. Whoever sees the page sees the tab. */
  rang(session: string): void {
    this.#onDesktop(session, 'The bell has rung.', `bell-${session}`)
  }

  #keep(): void {
    const last = this.#stream?.last ?? this.#last
    try {
      sessionStorage.setItem(KEY, JSON.stringify({ last, history: this.history } satisfies Kept))
    } catch {
      // Full, or closed to us: a reload forgets, and what is to be said now is said.
    }
  }

  #onDesktop(title: string, body: string, tag: string): void {
    if (preferences.desktop && document.hidden && 'Notification' in window && Notification.permission === 'granted')
      new Notification(title, { body, tag })
  }

  #file(notice: Notice): void {
    this.history = [notice, ...this.history].slice(0, KEPT)
    this.unread += 1
    this.#keep()
  }

  #add(notice: Notice): void {
    this.#file(notice)
    if (WEIGHT[notice.level] < WEIGHT[preferences.level]) return
    this.toasts = [...this.toasts, notice].slice(-4)
    setTimeout(() => this.dismiss(notice.id), SHOWN_MS[notice.level])
  }
}

export const notices = new Notices()
