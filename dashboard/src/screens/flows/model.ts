/** Flows as they are edited: a trigger with its activities in one object, as a flow's YAML file has it. Pure. */
import { parse, stringify } from 'yaml'

export interface Binding {
  activity_id: string
  config: Record<string, unknown>
}

export interface Trigger {
  id: string
  label: string
  event_type: string
  where: Record<string, string>
  enabled?: boolean
  [key: string]: unknown
}

export interface Flow extends Trigger {
  bindings: Binding[]
}

export interface Config {
  version: number
  triggers: Trigger[]
  bindings_by_trigger_id: Record<string, Binding[]>
  storage_path?: string
  revision?: string
  errors?: { path: string; message: string }[]
}

export interface Field {
  key: string
  label: string
  type: 'string' | 'int' | 'bool'
  required?: boolean
  template?: boolean
  enum?: string[]
  help?: string
  default?: unknown
  minimum?: number
  maximum?: number
}

export interface Activity {
  id: string
  label: string
  description: string
  fields: Field[]
}

export function flowsOf(config: Config): Flow[] {
  return config.triggers.map((trigger) => ({ ...trigger, bindings: config.bindings_by_trigger_id[trigger.id] ?? [] }))
}

export function configOf(flows: Flow[]): Config {
  return {
    version: 1,
    triggers: flows.map((flow) => {
      const trigger: Trigger = { ...flow }
      delete trigger['bindings']
      return trigger
    }),
    bindings_by_trigger_id: Object.fromEntries(flows.map(({ id, bindings }) => [id, bindings])),
  }
}

export const yamlOf = (flow: Flow): string => stringify(flow, { lineWidth: 100 })

/** Raises for what is no YAML, or no object with bindings. */
export function flowOfYaml(text: string): Flow {
  const found: unknown = parse(text)
  if (typeof found !== 'object' || found === null || Array.isArray(found)) throw new Error('A flow is a mapping.')
  const flow = found as Partial<Flow>
  if (flow.bindings !== undefined && !Array.isArray(flow.bindings)) throw new Error('bindings is a list.')
  const bindings = (flow.bindings ?? []).map((binding) => ({ ...binding, config: binding.config ?? {} }))
  return { ...flow, id: String(flow.id ?? ''), label: String(flow.label ?? ''), event_type: String(flow.event_type ?? ''), where: flow.where ?? {}, bindings }
}

/** A new flow's id: its label as a word, numbered if that is taken. */
export function slug(label: string, taken: Iterable<string>): string {
  const word = label.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '') || 'flow'
  const others = new Set(taken)
  for (let count = 1; ; count += 1) {
    const id = count === 1 ? word : `${word}-${count}`
    if (!others.has(id)) return id
  }
}

/** `label words`, and `event_type:…`, `where.key:…`, `key:…`: each must fit. */
export function fits(flow: Flow, words: string): boolean {
  return words.trim().split(/\s+/).every((word) => {
    const [, key, value] = /^([\w.]+):(.*)$/.exec(word) ?? []
    if (key === undefined) return `${flow.label} ${flow.id} ${flow.event_type}`.toLowerCase().includes(word.toLowerCase())
    const held = key === 'event_type' ? flow.event_type : flow.where[key.replace(/^where\./, '')]
    return held !== undefined && held.toLowerCase().includes((value ?? '').toLowerCase())
  })
}

export interface Change {
  id: string
  kind: 'added' | 'changed' | 'removed'
}

/** What would be different if `after` took the place of `before`. */
export function changes(before: Flow[], after: Flow[]): Change[] {
  const old = new Map(before.map((flow) => [flow.id, JSON.stringify(flow)]))
  const kept = new Set(after.map(({ id }) => id))
  const fresh = after.flatMap((flow): Change[] => {
    if (!old.has(flow.id)) return [{ id: flow.id, kind: 'added' }]
    return old.get(flow.id) === JSON.stringify(flow) ? [] : [{ id: flow.id, kind: 'changed' }]
  })
  return [...fresh, ...before.filter(({ id }) => !kept.has(id)).map(({ id }): Change => ({ id, kind: 'removed' }))]
}

/** The flows of a bundle, as far as a preview needs them. The server validates. */
export function flowsOfBundle(text: string): Flow[] {
  const found = parse(text) as { flows?: unknown } | null
  if (!Array.isArray(found?.flows)) throw new Error('A bundle has a list of flows.')
  return found.flows.map((flow) => flowOfYaml(stringify(flow)))
}
