/** Log records as rows: OTLP's nesting undone once, where a record comes in. Pure. */
import type { LogRecord, Pair } from '../api/types'

export interface Row {
  id: string
  level: string
  tone: 'bad' | 'warn' | 'info' | ''
  time: number
  clock: string
  text: string
  /** Its attributes in a line. */
  more: string
  service: string
  session: string
  trace: string
  attributes: [string, string][]
  resource: [string, string][]
}

/** What a row shows elsewhere, or nobody reads in passing. */
const KNOWN = new Set(['session.id', 'session.uid', 'session_id', 'trace_id', 'span_id', 'request_id', 'logger', 'gestalt.replay_window', 'gestalt.source', 'gestalt.category'])
const MOST_SHOWN = 8
const LONGEST_LINE = 200

const TONES: Record<string, Row['tone']> = { fatal: 'bad', error: 'bad', warn: 'warn', warning: 'warn', info: 'info' }

export function plainValue(value: Pair['value'] | undefined): string {
  if (!value) return ''
  const [kind, held] = Object.entries(value)[0] ?? []
  if (kind === 'arrayValue' || kind === 'kvlistValue') return JSON.stringify(held)
  return String(held ?? '')
}

const pairs = (list: Pair[] | undefined): [string, string][] =>
  (list ?? []).map(({ key, value }) => [key, plainValue(value)])

export function rowOf(record: LogRecord): Row {
  const attributes = pairs(record.attributes)
  const resource = pairs(record.resource?.attributes)
  const named = (name: string): string => [...attributes, ...resource].find(([key]) => key === name)?.[1] ?? ''
  const time = Number(BigInt(record.timeUnixNano || '0') / 1_000_000n)
  const level = (record.severityText ?? 'info').toLowerCase()
  return {
    id: record.id ?? '',
    level,
    tone: TONES[level] ?? '',
    time,
    clock: clockOf(time),
    text: plainValue(record.body),
    more: attributes.filter(([key]) => !KNOWN.has(key)).slice(0, MOST_SHOWN).map(([key, value]) => `${key}=${value}`).join(' ').slice(0, LONGEST_LINE),
    service: named('service.name').replace(/^gestalt-/, ''),
    session: named('session.id') || named('session_id'),
    trace: record.traceId ?? named('trace_id'),
    attributes: attributes.filter(([key]) => key !== 'gestalt.replay_window'),
    resource,
  }
}

export function clockOf(milliseconds: number): string {
  const date = new Date(milliseconds)
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':')
}
