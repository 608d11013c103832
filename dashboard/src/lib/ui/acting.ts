/** Doing what a person asked for on a session: confirm, do, and say how it went. */
import { ApiError, said } from '../api/client'
import type { Agent, Session, SessionOrder } from '../api/types'
import { notices } from '../live/notices.svelte'
import { sessions } from '../live/sessions.svelte'
import { dialogs } from './dialogs.svelte'
import { router } from './router.svelte'

export const sessionAddress = (uid: string): string => `/sessions/${encodeURIComponent(uid)}`

export async function startShell(order: SessionOrder = {}): Promise<void> {
  await starting(() => sessions.start(order))
}

export async function startAgent(agent: Agent): Promise<void> {
  await starting(() => sessions.start({ agent: agent.id }))
}

async function starting(start: () => Promise<Session>): Promise<void> {
  try {
    const session = await start()
    router.go(sessionAddress(session.uid))
  } catch (error) {
    await notStarted(error)
  }
}

/** A second start of an agent: offer the one that runs. */
async function notStarted(error: unknown): Promise<void> {
  const running = error instanceof ApiError && error.status === 409 ? error.details['session_id'] : null
  if (typeof running !== 'string') {
    notices.say(said(error), 'error')
    return
  }
  if (await dialogs.ask('It is running already', `${running} is this agent's session.`, { confirm: 'Open it' }))
    router.go(sessionAddress(sessions.find(running)?.uid ?? running))
}

export async function stop(session: Session): Promise<boolean> {
  const live = session.status !== 'closed'
  const text = live ? `Its programs end. What ${session.id} has written stays readable for some days.` : 'It leaves the list.'
  const confirm = live ? 'Stop' : 'Remove'
  if (!(await dialogs.ask(`${confirm} ${session.id}?`, text, { confirm, danger: live }))) return false
  return doing(() => sessions.stop(session.uid))
}

export async function restart(session: Session): Promise<void> {
  const text = `${session.id} ends, then starts again with the same command.`
  if (!(await dialogs.ask(`Restart ${session.id}?`, text, { confirm: 'Restart', danger: true }))) return
  await starting(() => sessions.restart(session))
}

/** Whether it went well; what went wrong is told. */
export async function doing(deed: () => Promise<unknown>): Promise<boolean> {
  try {
    await deed()
    return true
  } catch (error) {
    notices.say(said(error), 'error')
    return false
  }
}

export async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text)
    notices.say('Copied.')
  } catch {
    notices.say('The browser lets pages copy over HTTPS or on localhost only.', 'warning')
  }
}
