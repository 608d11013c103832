/** What has run, and how often it went well. Pure. */
import type { components } from '../../lib/api/schema'

type Schemas = components['schemas']

export type Run = Schemas['Run']
export type Verdict = Schemas['Verdict']
export type Tried = Schemas['Tried']

const GROUPS: Record<string, string> = { any: 'any of', all: 'all of', not: 'not all of' }

/** What a condition asks, in words; a group's own conditions are shown below it. */
export function asks(verdict: Verdict): string {
  if (verdict.of) return GROUPS[verdict.op] ?? verdict.op
  if (verdict.op === 'exists') return `${verdict.field} ${verdict.expected === false ? 'does not exist' : 'exists'}`
  return `${verdict.field} ${verdict.op} ${JSON.stringify(verdict.expected)}`
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
