/** How a session's state looks: a word and a colour that say the same. */
import type { Session } from '../api/types'

export interface Shown {
  word: string
  tone: 'ok' | 'info' | 'warn' | 'bad' | ''
}

const QUIET_MS = 10_000

export function shown(session: Session, at: number = Date.now()): Shown {
  if (session.status === 'running') {
    const last = Date.parse(session.last_output_at ?? '')
    if (session.occupied === 'turn') return { word: 'working', tone: 'ok' }
    if (at - last < QUIET_MS) return { word: 'active', tone: 'ok' }
    return session.agent_id ? { word: 'waiting', tone: 'info' } : { word: 'idle', tone: 'ok' }
  }
  if (session.status === 'closed') return ended(session)
  if (session.status === 'starting') return { word: 'starting', tone: 'warn' }
  return { word: session.status, tone: session.status === 'closing' ? 'warn' : 'bad' }
}

function ended({ exit_code: code, close_reason: reason }: Session): Shown {
  if (code === 0) return { word: 'ended', tone: '' }
  return { word: code === null ? (reason ?? 'ended') : `exit ${code}`, tone: 'bad' }
}
