/** A plan's headings: how far it is, what is being done now, what fits a search. Pure. */
import type { Heading, Plan } from '../../lib/api/types'

export interface Count {
  done: number
  all: number
}

/** Tasks are headings with a keyword; of one with tasks below only those count. */
export function count(headings: Heading[]): Count {
  return headings.map(counted).reduce((sum, one) => ({ done: sum.done + one.done, all: sum.all + one.all }), { done: 0, all: 0 })
}

function counted(heading: Heading): Count {
  const below = count(heading.children)
  if (below.all > 0) return below
  return { done: heading.keyword === 'DONE' ? 1 : 0, all: heading.keyword ? 1 : 0 }
}

export type Stage = 'active' | 'done' | 'notes'

/** Every plan is one of these, so none is ever out of sight. */
export function stageOf(plan: Plan): Stage {
  const { done, all } = count(plan.headings)
  if (all === 0) return 'notes'
  return done === all ? 'done' : 'active'
}

/** The headings that are being worked on, outermost first. */
export function current(headings: Heading[]): Heading[] {
  const working = headings.find(({ keyword }) => keyword === 'WIP')
  return working ? [working, ...current(working.children)] : []
}

export function fits(plan: Plan, words: string): boolean {
  const text = `${plan.title} ${plan.subtitle} ${plan.filename} ${flat(plan.headings)}`.toLowerCase()
  return words.toLowerCase().split(/\s+/).every((word) => text.includes(word))
}

const flat = (headings: Heading[]): string => headings.map(({ text, body, children }) => `${text} ${body} ${flat(children)}`).join(' ')

export type Block = { kind: 'text' | 'code'; text: string } | { kind: 'list'; items: { text: string; checked: boolean | null }[] }

/** Org's body text as blocks: paragraphs, lists with their boxes, source blocks. What it does not know stays text. */
export function blocks(body: string): Block[] {
  const found: Block[] = []
  let code: string[] | null = null
  for (const line of body.split('\n')) {
    if (/^\s*#\+begin_/i.test(line)) code = []
    else if (/^\s*#\+end_/i.test(line)) {
      found.push({ kind: 'code', text: (code ?? []).join('\n') })
      code = null
    } else if (code) code.push(line)
    else addLine(found, line)
  }
  if (code) found.push({ kind: 'code', text: code.join('\n') })
  return found.filter((block) => block.kind === 'list' || block.text.trim() !== '')
}

function addLine(found: Block[], line: string): void {
  const item = /^\s*[-+] (?:\[([ xX-])\] )?(.*)$/.exec(line)
  const last = found.at(-1)
  if (item) {
    const entry = { text: item[2] ?? '', checked: item[1] === undefined ? null : /x/i.test(item[1]) }
    if (last?.kind === 'list') last.items.push(entry)
    else found.push({ kind: 'list', items: [entry] })
  } else if (last?.kind === 'text' && line.trim()) last.text += `\n${line}`
  else found.push({ kind: 'text', text: line })
}

/** `=code=`, `~code~`, `*bold*`, `/italic/` and `[[target][words]]` as runs of text. */
export interface Run {
  kind: 'plain' | 'code' | 'bold' | 'italic' | 'link'
  text: string
  target?: string
}

const MARKS = /\[\[([^\]]+)\](?:\[([^\]]+)\])?\]|(?<![\w])([=~*/])([^\s=~*/](?:[^\n]*?[^\s])?)\3(?![\w])/g
const KINDS: Record<string, Run['kind']> = { '=': 'code', '~': 'code', '*': 'bold', '/': 'italic' }

export function runs(text: string): Run[] {
  const found: Run[] = []
  let at = 0
  for (const match of text.matchAll(MARKS)) {
    if (match.index > at) found.push({ kind: 'plain', text: text.slice(at, match.index) })
    const [whole, target, words, mark, marked] = match
    if (target) found.push({ kind: 'link', text: words ?? target, target })
    else found.push({ kind: KINDS[mark ?? ''] ?? 'plain', text: marked ?? '' })
    at = match.index + whole.length
  }
  if (at < text.length) found.push({ kind: 'plain', text: text.slice(at) })
  return found
}
