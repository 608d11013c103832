/** Notifications: short messages now, their history later, on the desktop if a person wants that. */
import type { Notice } from '../api/types'
import { preferences } from '../ui/preferences.svelte'
import { EventStream } from './stream'

const KEPT = 200
const SHOWN_MS = { info: 5_000, warning: 8_000, error: 15_000 }
const WEIGHT = { info: 0, warning: 1, error: 2 }

class Notices {
  history = $state.raw<Notice[]>([])
  toasts = $state.raw<Notice[]>([])
  unread = $state(0)
  #stream: EventStream | null = null
  #last: string | null = null
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
    this.#add({ id: `page-${this.#local}`, type: 'page', level, message, timestamp: new Date().toISOString() })
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
  }

  #heard(notice: Notice): void {
    if (!notice.message || this.history.some(({ id }) => id === notice.id)) return
    this.#add(notice)
    this.#onDesktop(notice.session_id ?? 'Gestalt', notice.message, notice.id)
  }

  /** A terminal's bell: for who looks elsewhere. Whoever sees the page sees the tab. */
  rang(session: string): void {
    this.#onDesktop(session, 'The bell has rung.', `bell-${session}`)
  }

  #onDesktop(title: string, body: string, tag: string): void {
    if (preferences.desktop && document.hidden && 'Notification' in window && Notification.permission === 'granted')
      new Notification(title, { body, tag })
  }

  #add(notice: Notice): void {
    this.history = [notice, ...this.history].slice(0, KEPT)
    this.unread += 1
    if (WEIGHT[notice.level] < WEIGHT[preferences.level]) return
    this.toasts = [...this.toasts, notice].slice(-4)
    setTimeout(() => this.dismiss(notice.id), SHOWN_MS[notice.level])
  }
}

export const notices = new Notices()
