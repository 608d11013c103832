/** When and how often a flow may fire, as a form edits it: an empty field takes its key away. Pure. */
import type { Flow } from './model'

export type TimeKey = 'debounce' | 'cooldown' | 'throttle' | 'absence' | 'schedule' | 'group_by'

/** The flow with `value` under `key`; without the key if there is nothing in it. */
export function timed(flow: Flow, key: TimeKey, value: unknown): Flow {
  return (isNothing(value) ? without(flow, key) : { ...flow, [key]: value }) as Flow
}

const without = (held: object, key: string): object => Object.fromEntries(Object.entries(held).filter(([name]) => name !== key))

function isNothing(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0
  return value === undefined || value === '' || Number.isNaN(value)
}

/** One part of a key that has several. */
export function part(flow: Flow, key: 'throttle' | 'absence' | 'schedule', name: string, value: unknown): Flow {
  const held = flow[key] ?? {}
  return timed(flow, key, isNothing(value) ? without(held, name) : { ...held, [name]: value })
}

/** By the clock: either `cron`, in a time zone, or `every`. */
export function scheduled(flow: Flow, kind: 'cron' | 'every'): Flow {
  const misfire = flow.schedule?.misfire
  const kept = misfire ? { misfire } : {}
  return timed(flow, 'schedule', kind === 'every' ? { every: '15m', ...kept } : { cron: '0 9 * * 1-5', ...kept })
}

export const words = (text: string): string[] => text.split(',').map((word) => word.trim()).filter(Boolean)
