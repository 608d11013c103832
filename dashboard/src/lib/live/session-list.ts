/** The list of sessions as its stream tells it. Pure: the list and a frame in, the list out. */
import type { Session, SessionsFrame } from '../api/types'

const byCreation = (a: Session, b: Session): number =>
  a.created_at < b.created_at ? -1 : a.created_at > b.created_at ? 1 : a.uid < b.uid ? -1 : 1

export function applied(list: Session[], frame: SessionsFrame): Session[] {
  if (frame.whole) return frame.changed
  const fresh = new Map(frame.changed.map((session) => [session.uid, session]))
  const gone = new Set(frame.gone)
  const kept = list.filter(({ uid }) => !gone.has(uid)).map((old) => take(fresh, old.uid) ?? old)
  return fresh.size === 0 ? kept : [...kept, ...fresh.values()].filter(({ uid }) => !gone.has(uid)).sort(byCreation)
}

function take(map: Map<string, Session>, uid: string): Session | undefined {
  const found = map.get(uid)
  map.delete(uid)
  return found
}
