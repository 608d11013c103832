/** Every session, live, from one coalesced stream. */
import { answer, api, asIs } from '../api/client'
import type { Session, SessionOrder, SessionsFrame } from '../api/types'
import { connection } from './connection.svelte'
import { applied } from './session-list'
import { EventStream } from './stream'

class Sessions {
  list = $state.raw<Session[]>([])
  loaded = $state(false)
  #stream: EventStream | null = null

  open(): void {
    this.#stream ??= new EventStream('/api/sessions/stream', {}, {
      event: (frame) => this.#heard(frame as SessionsFrame),
      state: (connected) => connection.told(connected),
      unauthorized: () => connection.refused(),
    })
  }

  close(): void {
    this.#stream?.close()
    this.#stream = null
  }

  retry(): void {
    this.#stream?.retry()
  }

  #heard(frame: SessionsFrame): void {
    this.list = applied(this.list, frame)
    this.loaded = true
  }

  /** By uid, or by the id it has now. */
  find(ref: string): Session | undefined {
    return this.list.find(({ uid, id }) => uid === ref || id === ref)
  }

  async start(order: SessionOrder): Promise<Session> {
    const session = await answer(api.POST('/api/sessions', { body: order }))
    this.#heard({ type: 'sessions', changed: [session], gone: [], whole: false })
    return session
  }

  /** Ends its programs and takes it off the list. */
  async stop(uid: string): Promise<void> {
    await answer(api.DELETE('/api/sessions/{id}', { params: { path: { id: uid } } }))
    this.#heard({ type: 'sessions', changed: [], gone: [uid], whole: false })
  }

  /** The same again: an agent by its profile, a shell by its command, where it was. */
  async restart(session: Session): Promise<Session> {
    await this.stop(session.uid)
    const { agent_id, title, command, cwd, cols, rows, runner } = session
    return this.start(agent_id ? { agent: agent_id } : { title, command, cwd, cols, rows, runner })
  }

  /** Types a text; `paste` in brackets where the program takes those, so that many lines arrive as one. */
  async type(uid: string, text: string, how: { paste?: boolean; enter?: boolean } = {}): Promise<void> {
    const query = { ...(how.paste ? { paste: '1' as const } : {}), ...(how.enter ? { enter: '1' as const } : {}) }
    await answer(api.POST('/api/sessions/{id}/input', { params: { path: { id: uid }, query }, body: text, bodySerializer: asIs, headers: { 'Content-Type': 'text/plain' } }))
  }

  fetch(ref: string): Promise<Session> {
    return answer(api.GET('/api/sessions/{id}', { params: { path: { id: ref } } }))
  }
}

export const sessions = new Sessions()
