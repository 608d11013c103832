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

export function flowsOf(config: Required<Schemas['WantedFlows']>): Flow[] {
  return config.triggers.map((trigger) => ({ ...trigger, bindings: config.bindings_by_trigger_id[trigger.id] ?? [] }))
}

export function configOf(flows: Flow[]): Required<Schemas['WantedFlows']> {
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

type Found = Record<string, unknown>

const isMapping = (value: unknown): value is Found => typeof value === 'object' && value !== null && !Array.isArray(value)
const MAPPINGS = ['where', 'throttle', 'absence', 'schedule']
const LISTS = ['match', 'bindings']
const TEXTS = ['debounce', 'cooldown', 'group_by']

/** Raises for what is no YAML, or has not the form of a flow. What its values are is the server's to judge. */
export function flowOfYaml(text: string): Flow {
  const found: unknown = parse(text)
  if (!isMapping(found)) throw new Error('A flow is a mapping.')
  const mapping = MAPPINGS.find((key) => found[key] != null && !isMapping(found[key]))
  if (mapping) throw new Error(`${mapping} is a mapping.`)
  const list = LISTS.find((key) => found[key] != null && !(Array.isArray(found[key]) && found[key].every(isMapping)))
  if (list) throw new Error(`${list} is a list of mappings.`)
  return { ...found, ...texts(found), where: strings(found['where']), ...scheduleOf(found), bindings: bindingsOf(found) } as Flow
}

/** Words and durations may be bare numbers in YAML. */
function texts(found: Found): Found {
  const known = ['id', 'label', 'event_type'].map((key) => [key, String(found[key] ?? '')])
  return Object.fromEntries([...known, ...TEXTS.filter((key) => found[key] != null).map((key) => [key, String(found[key])])])
}

const strings = (value: unknown): Record<string, string> =>
  Object.fromEntries(Object.entries((value ?? {}) as Found).map(([key, held]) => [key, String(held)]))

const scheduleOf = (found: Found): Found => (found['schedule'] == null ? {} : { schedule: strings(found['schedule']) })

const bindingsOf = (found: Found): Binding[] =>
  ((found['bindings'] ?? []) as Found[]).map((binding) => ({ activity_id: String(binding['activity_id'] ?? ''), config: (binding['config'] ?? {}) as Found }))

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
  before?: Flow
  now?: Flow
}

/** What would be different if `after` took the place of `before`. */
export function changes(before: Flow[], after: Flow[]): Change[] {
  const old = new Map(before.map((flow) => [flow.id, flow]))
  const kept = new Set(after.map(({ id }) => id))
  const fresh = after.flatMap((flow): Change[] => {
    const known = old.get(flow.id)
    if (!known) return [{ id: flow.id, kind: 'added', now: flow }]
    return same(known, flow) ? [] : [{ id: flow.id, kind: 'changed', before: known, now: flow }]
  })
  return [...fresh, ...before.filter(({ id }) => !kept.has(id)).map((flow): Change => ({ id: flow.id, kind: 'removed', before: flow }))]
}

/** Whether two say the same, in whatever order their keys are. */
export const same = (one: unknown, other: unknown): boolean => JSON.stringify(ordered(one)) === JSON.stringify(ordered(other))

function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered)
  if (!isMapping(value)) return value
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, ordered(value[key])]))
}

/** The flows of a bundle, as far as a preview needs them. The server validates. */
export function flowsOfBundle(text: string): Flow[] {
  const found = parse(text) as { flows?: unknown } | null
  if (!Array.isArray(found?.flows)) throw new Error('A bundle has a list of flows.')
  return found.flows.map((flow) => flowOfYaml(stringify(flow)))
}
