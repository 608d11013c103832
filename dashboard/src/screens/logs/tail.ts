/** The rows of the live tail: in the order of their ids, none twice, bounded. Pure. */
import type { Row } from '../../lib/live/log-rows'

export const MOST_ROWS = 100_000

/** Ids are numbers that grow; a replay after a reconnection brings known ones again. */
export function appended(rows: Row[], fresh: Row[]): Row[] {
  const last = Number(rows.at(-1)?.id ?? -1)
  const unknown = fresh.filter(({ id }) => Number(id) > last)
  return unknown.length === 0 ? rows : [...rows, ...unknown].slice(-MOST_ROWS)
}

export function prepended(rows: Row[], earlier: Row[]): Row[] {
  const first = Number(rows[0]?.id ?? Infinity)
  return [...earlier.filter(({ id }) => Number(id) < first), ...rows]
}
