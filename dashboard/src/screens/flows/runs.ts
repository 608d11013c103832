/** What has run, and how often it went well. Pure, beside its types. */
export interface Run {
  id: string
  status: string
  event_id: string
  event_type: string
  trigger_id: string
  session_id: string | null
  started_at: string
  finished_at?: string | null
  error?: string
}

export interface Verdict {
  field: string
  op: string
  expected: unknown
  actual: string | null
  matched: boolean
  /** Of a group: the verdicts of what it is made of. */
  of?: Verdict[]
}

const GROUPS: Record<string, string> = { any: 'any of', all: 'all of', not: 'not all of' }

/** What a condition asks, in words; a group's own conditions are shown below it. */
export function asks(verdict: Verdict): string {
  if (verdict.of) return GROUPS[verdict.op] ?? verdict.op
  if (verdict.op === 'exists') return `${verdict.field} ${verdict.expected === false ? 'does not exist' : 'exists'}`
  return `${verdict.field} ${verdict.op} ${JSON.stringify(verdict.expected)}`
}

export interface Attempt {
  started_at: string
  duration_ms: number
  status_code: number | null
  error: string | null
}

export interface WholeRun extends Run {
  event: Record<string, unknown>
  conditions: Verdict[]
  activities?: { activity_id: string; status: string; rendered: Record<string, unknown>; attempts: Attempt[] }[]
}

export interface Tried {
  trigger_id: string
  matched: boolean
  conditions: Verdict[]
  activities: { activity_id: string; rendered: Record<string, unknown> }[]
}

export interface Standing {
  last: string | null
  succeeded: number
  ended: number
}

/** By flow: when it fired last, and how many of the runs that ended went well. Runs are newest first. */
export function records(runs: Run[]): Map<string, Standing> {
  const found = new Map<string, Standing>()
  for (const run of runs) {
    const record = found.get(run.trigger_id) ?? { last: run.started_at, succeeded: 0, ended: 0 }
    if (run.status === 'succeeded') record.succeeded += 1
    if (run.status === 'succeeded' || run.status === 'failed') record.ended += 1
    found.set(run.trigger_id, record)
  }
  return found
}

export const tone = (status: string): string => ({ succeeded: 'ok', failed: 'bad', running: 'info', queued: 'info', held: 'warn' })[status] ?? ''
