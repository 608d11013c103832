/** Series of a metric on one time axis. Pure. */
import type { Series } from '../../lib/api/types'

export interface Drawn {
  times: number[]
  lines: { label: string; values: (number | null)[] }[]
}

const MOST_LINES = 6

export function drawn(found: Series): Drawn {
  const shown = found.series.slice(0, MOST_LINES)
  const times = [...new Set(shown.flatMap(({ points }) => points.map(({ time }) => Date.parse(time) / 1_000)))].sort((a, b) => a - b)
  const lines = shown.map(({ attributes, points }) => {
    const at = new Map(points.map(({ time, value }) => [Date.parse(time) / 1_000, value]))
    return { label: labelOf(attributes) || found.name, values: times.map((time) => at.get(time) ?? null) }
  })
  return { times, lines }
}

function labelOf(attributes: Record<string, unknown>): string {
  return Object.entries(attributes ?? {}).map(([key, value]) => `${key}=${String(value)}`).join(' ')
}
