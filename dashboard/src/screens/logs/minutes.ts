/** A histogram as bars, one for each step of time, empty ones too: a gap is something to see. Pure. */
import type { Histogram } from '../../lib/api/types'

export interface Bar {
  /** Milliseconds; where the next one begins. */
  start: number
  end: number
  counts: Record<string, number>
  all: number
}

const MINUTE_MS = 60_000
const BARS = 60

/** The hour up to the newest record. */
export function bars({ buckets }: Histogram): Bar[] {
  const found = new Map(buckets.map(({ time, counts }) => [Date.parse(time), counts]))
  const oldest = Math.max(...found.keys()) - (BARS - 1) * MINUTE_MS
  return Array.from({ length: found.size ? BARS : 0 }, (_, index) => barAt(oldest + index * MINUTE_MS, found))
}

function barAt(start: number, found: Map<number, Record<string, number>>): Bar {
  const counts = found.get(start) ?? {}
  return { start, end: start + MINUTE_MS, counts, all: Object.values(counts).reduce((sum, one) => sum + one, 0) }
}
