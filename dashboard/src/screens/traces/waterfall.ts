/** A trace's tree as rows with their places in time. Pure. */
import type { Span, SpanNode } from '../../lib/api/types'

export interface Bar {
  span: SpanNode
  depth: number
  /** Of the whole trace, 0…1. */
  start: number
  width: number
}

const start = (span: Span): number => Date.parse(span.start_time ?? '')

function flat(spans: SpanNode[], depth: number): { span: SpanNode; depth: number }[] {
  return spans.toSorted((a, b) => start(a) - start(b)).flatMap((span) => [{ span, depth }, ...flat(span.children, depth + 1)])
}

export function waterfall(spans: SpanNode[]): Bar[] {
  const rows = flat(spans, 0)
  const begin = Math.min(...rows.map(({ span }) => start(span)))
  const end = Math.max(...rows.map(({ span }) => start(span) + (span.duration_ms ?? 0)))
  const whole = Math.max(end - begin, 0.001)
  return rows.map(({ span, depth }) => ({ span, depth, start: (start(span) - begin) / whole, width: Math.max((span.duration_ms ?? 0) / whole, 0.002) }))
}

export function milliseconds(count: number | undefined): string {
  if (count === undefined) return '–'
  if (count >= 1_000) return `${(count / 1_000).toFixed(2)} s`
  return count >= 10 ? `${count.toFixed(0)} ms` : `${count.toFixed(2)} ms`
}
