/** Conditions beyond equality, as a form edits them: a value is a text there, whatever kind the condition wants. Pure. */
export type Condition = Record<string, unknown>

export const OPERATORS = ['eq', 'ne', 'in', 'glob', 'regex', 'exists', 'gt', 'lt'] as const
export const GROUPS = ['any', 'all', 'not'] as const

export const WORDS: Record<string, string> = {
  eq: 'is', ne: 'is not', in: 'is one of', glob: 'fits the pattern', regex: 'fits the expression', exists: 'is there', gt: 'is more than', lt: 'is less than',
  any: 'any of', all: 'all of', not: 'not all of',
}

/** Which list of what there is (in the form) a field's values are picked from. */
export function knownFor(field: unknown): string | undefined {
  if (field === 'session.id' || field === 'session_id') return 'known-sessions'
  return field === 'agent_id' ? 'known-agents' : undefined
}

export const operatorOf = (one: Condition): string => (typeof one['op'] === 'string' ? one['op'] : 'eq')
export const isGroup = (one: Condition): boolean => (GROUPS as readonly string[]).includes(operatorOf(one))
export const partsOf = (one: Condition): Condition[] => (Array.isArray(one['of']) ? (one['of'] as Condition[]) : [])

export const fresh = (): Condition => ({ field: '', op: 'eq', value: '' })

/** The condition with another operator; what it had is kept as far as it fits. */
export function withOperator(one: Condition, op: string): Condition {
  const group = (GROUPS as readonly string[]).includes(op)
  if (group) return { op, of: isGroup(one) ? partsOf(one) : [one['field'] ? one : fresh()] }
  if (isGroup(one)) return { ...fresh(), op }
  return { ...one, op, value: valueFor(op, textOf(one)) }
}

export const withText = (one: Condition, text: string): Condition => ({ ...one, value: valueFor(operatorOf(one), text) })

/** What stands in the form's field. */
export function textOf({ value }: Condition): string {
  if (value === undefined || value === null) return ''
  return Array.isArray(value) ? value.join(', ') : String(value)
}

/** A text that is no number stays one: the server says what is wrong with it. */
function valueFor(op: string, text: string): unknown {
  if (op === 'in') return text.split(',').map((word) => word.trim()).filter(Boolean)
  if (op === 'exists') return text !== 'false'
  if (op === 'gt' || op === 'lt') return text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text)
  return text
}
