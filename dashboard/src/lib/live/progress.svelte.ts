/** How far agents are with their plans, by their own word: asked for once, and again when they say more. */
import { answer, api } from '../api/client'
import type { Progress, PublicEvent } from '../api/types'
import { events } from './events.svelte'
import { sessions } from './sessions.svelte'

const SETTLED_MS = 250
const TELLING = /^(plan|work|agent)|^reset$/

class AgentProgress {
  /** By uid of the session. */
  told = $state.raw<ReadonlyMap<string, Progress>>(new Map())
  readonly #agents = $derived(sessions.list.filter(({ agent_id, status }) => agent_id && status === 'running').map(({ uid }) => uid).join())
  #timer: ReturnType<typeof setTimeout> | undefined
  #asks = 0

  /** Keep it true until the returned function is called. To be called within an effect: new agents are asked as well. */
  follow(): () => void {
    void this.#ask(this.#agents)
    return events.on((event) => this.#heard(event))
  }

  #heard({ type }: PublicEvent): void {
    if (!TELLING.test(type)) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#ask(this.#agents), SETTLED_MS)
  }

  async #ask(agents: string): Promise<void> {
    const asked = (this.#asks += 1)
    const found = await Promise.all(
      agents.split(',').filter(Boolean).map(async (uid) => [uid, await answer(api.GET('/api/sessions/{id}/progress', { params: { path: { id: uid } } })).catch(() => null)] as const),
    )
    if (asked === this.#asks) this.told = new Map(found.filter((one): one is [string, Progress] => one[1]?.has_progress === true))
  }
}

export const progress = new AgentProgress()

/** Where an agent is: its heading, and the one below it. */
export const step = ({ l1, l2 }: Progress): string => [l1, l2].filter(Boolean).join(' › ')
