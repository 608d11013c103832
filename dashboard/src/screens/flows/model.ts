/** Flows as they are edited: a trigger with its activities in one object, as a flow's YAML file has it. Pure. */
import { parse, stringify } from 'yaml'
import type { components } from '../../lib/api/schema'

type Schemas = components['schemas']

export type Binding = Schemas['Binding']
export type Trigger = Schemas['Trigger']
export type Config = Schemas['FlowConfig']
export type Activity = Schemas['Activity']
export type Field = Schemas['ActivityField']

export interface Flow extends Trigger {
  bindings: Binding[]
}

export function flowsOf(config: Schemas['WantedFlows']): Flow[] {
  return config.triggers.map((trigger) => ({ ...trigger, bindings: config.bindings_by_trigger_id[trigger.id] ?? [] }))
}

export function configOf(flows: Flow[]): Schemas['WantedFlows'] {
  return {
    version: 1,
    triggers: flows.map((flow) => {
      const trigger: Trigger & { bindings?: Binding[] } = { ...flow }
      delete trigger.bindings
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
