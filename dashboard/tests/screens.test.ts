import { bars } from '../src/screens/logs/minutes'
import { describe, expect, it } from 'vitest'
import { after, parseCast } from '../src/lib/term/cast'
import { Player } from '../src/lib/term/player'
import { fit, Strokes } from '../src/lib/ui/commands.svelte'
import { windowOf } from '../src/lib/ui/virtual'
import { changes, configOf, fits, flowOfYaml, flowsOf, slug, yamlOf, type Flow } from '../src/screens/flows/model'
import { asks, records, type Run } from '../src/screens/flows/runs'
import { appended, prepended } from '../src/screens/logs/tail'
import type { Row } from '../src/lib/live/log-rows'
import { blocks, count, current, runs, stageOf } from '../src/screens/plans/outline'
import type { Heading, Plan, SpanNode } from '../src/lib/api/types'
import { Walk } from '../src/screens/sessions/drafts'
import { waterfall } from '../src/screens/traces/waterfall'

const heading = (keyword: string, text: string, children: Heading[] = []): Heading => ({ level: 1, keyword, priority: '', text, body: '', children })
const plan = (...headings: Heading[]): Plan => ({ filename: 'p.org', title: '', subtitle: '', date: '', keywords: '', headings, l1_count: 0, l2_count: 0, priority_a: 0, priority_b: 0, priority_c: 0 })

describe('plans', () => {
  it('count the innermost tasks', () => {
    expect(count([heading('WIP', 'a', [heading('DONE', 'b'), heading('TODO', 'c')]), heading('DONE', 'd'), heading('', 'e')])).toEqual({ done: 2, all: 3 })
  })
  it('are active, done or without tasks: none is out of sight', () => {
    expect([plan(heading('TODO', '')), plan(heading('DONE', '')), plan(heading('', '')), plan()].map(stageOf)).toEqual(['active', 'done', 'notes', 'notes'])
  })
  it('say what is being done', () => {
    expect(current([heading('DONE', 'a'), heading('WIP', 'b', [heading('WIP', 'c')])]).map(({ text }) => text)).toEqual(['b', 'c'])
  })
  it('are shown as org, and never as HTML', () => {
    expect(runs('see =x= and [[https://a.b][there]] *now* <i>').map(({ kind }) => kind)).toEqual(['plain', 'code', 'plain', 'link', 'plain', 'bold', 'plain'])
    expect(blocks('text\nmore\n- [X] a\n- b\n#+begin_src sh\nls\n#+end_src').map(({ kind }) => kind)).toEqual(['text', 'list', 'code'])
  })
})

const flow = (id: string, more: Partial<Flow> = {}): Flow => ({ id, label: id, event_type: 'file-change', where: {}, bindings: [], ...more })

describe('flows', () => {
  it('survive the way to the server and back', () => {
    const config: Parameters<typeof flowsOf>[0] = { version: 1, triggers: [{ id: 'a', label: 'A', event_type: 't', where: { x: '1' }, match: [{ field: 'p' }] }], bindings_by_trigger_id: { a: [{ activity_id: 'toast_notification', config: { n: 3, b: false } }] } }
    expect(configOf(flowsOf(config))).toEqual(config)
  })
  it('are the same as YAML', () => {
    const one = flow('a', { where: { 'session.id': 'yes' }, cooldown: '5s', bindings: [{ activity_id: 'x', config: { text: 'a: b\n{{c}}' } }] })
    expect(flowOfYaml(yamlOf(one))).toEqual(one)
  })
  it('refuse what is none', () => {
    expect(() => flowOfYaml('- a')).toThrow()
    expect(() => flowOfYaml('bindings: 3')).toThrow()
  })
  it('get ids of their own', () => {
    expect([slug('Tell me!', []), slug('Tell me', ['tell-me']), slug('…', [])]).toEqual(['tell-me', 'tell-me-2', 'flow'])
  })
  it('are found by words and fields', () => {
    const one = flow('tell', { where: { path: '*.md' } })
    expect(['tell', 'event_type:file', 'path:md', 'where.path:', 'tell path:md'].every((words) => fits(one, words))).toBe(true)
    expect(['other', 'event_type:git', 'none:'].some((words) => fits(one, words))).toBe(false)
  })
  it('say what an import would change', () => {
    expect(changes([flow('a'), flow('b')], [flow('b', { label: 'B' }), flow('c')])).toMatchObject([{ id: 'b', kind: 'changed' }, { id: 'c', kind: 'added' }, { id: 'a', kind: 'removed' }])
    expect(changes([flow('a')], [Object.fromEntries(Object.entries(flow('a')).reverse()) as unknown as Flow])).toEqual([])
  })
  it('are judged by the runs that ended', () => {
    const run = (status: Run['status'], started_at: string): Run => ({ id: started_at, status, event_id: '', event_type: '', trigger_id: 'a', session_id: null, started_at, revision: '' })
    expect(records([run('running', '3'), run('succeeded', '2'), run('failed', '1')]).get('a')).toEqual({ last: '3', succeeded: 1, ended: 2 })
  })
})

describe('a recording', () => {
  const text = '{"version":2,"width":10,"height":3}\n[0.5,"o","a"]\n[1,"i","x"]\n[1.5,"o","b"]\n[2,"r","20x5"]\n[2.5,"o","c"]\n'
  const stage = () => {
    const done: string[] = []
    return { done, on: { show: (out: string) => done.push(out), size: (cols: number, rows: number) => done.push(`${cols}x${rows}`), clear: () => done.push('clear') } }
  }
  it('is output and sizes', () => {
    expect(parseCast(text)).toMatchObject({ cols: 10, rows: 3, seconds: 2.5, frames: [{ data: 'a' }, { data: 'b' }, { kind: 'r' }, { data: 'c' }] })
    expect(() => parseCast('{"version":9}')).toThrow()
    expect(after(parseCast(text).frames, 1.5)).toBe(2)
  })
  it('plays at a speed, and from any moment', () => {
    const { done, on } = stage()
    const player = new Player(parseCast(text), on)
    player.speed = 2
    player.advance(0.5)
    expect([done, player.position]).toEqual([['clear', '10x3', 'a'], 1])
    player.advance(9)
    expect([done.slice(3), player.over]).toEqual([['b', '20x5', 'c'], true])
    player.seek(1.6)
    expect(done.slice(6)).toEqual(['clear', '10x3', 'ab'])
  })
})

describe('long lists', () => {
  it('show a window', () => {
    expect(windowOf(100_000, 26, 26_000, 520)).toEqual({ first: 988, end: 1032 })
    expect(windowOf(3, 26, 0, 520)).toEqual({ first: 0, end: 3 })
    expect(windowOf(0, 26, 0, 520)).toEqual({ first: 0, end: 0 })
  })
  it('take records once, in order', () => {
    const row = (id: number): Row => ({ id: String(id) }) as Row
    expect(appended([row(9)], [row(8), row(9), row(10)]).map(({ id }) => id)).toEqual(['9', '10'])
    expect(prepended([row(9)], [row(7), row(9)]).map(({ id }) => id)).toEqual(['7', '9'])
  })
})

describe('commands', () => {
  it('fit by every word', () => {
    expect(fit('Go to Logs', 'logs go')).toBeGreaterThan(0)
    expect(fit('Go to Logs', 'logs x')).toBe(-1)
  })
  it('are one stroke or two', () => {
    const strokes = new Strokes()
    expect([strokes.press('g', 0), strokes.press('l', 500), strokes.press('?', 600), strokes.press('g', 700), strokes.press('l', 9_000)]).toEqual(['g', 'g l', '?', 'g', 'l'])
  })
  it('walk through earlier prompts and back to the draft', () => {
    const walk = new Walk(['one', 'two'], 'draft')
    expect([walk.step(-1), walk.step(-1), walk.step(-1), walk.step(1), walk.step(1), walk.step(1)]).toEqual(['two', 'one', 'one', 'two', 'draft', 'draft'])
  })
})

describe('a trace', () => {
  it('falls in the order of time', () => {
    const span = (span_id: string, start: number, duration_ms: number, children: SpanNode[] = []) => ({ span_id, start_time: new Date(start).toISOString(), duration_ms, children }) as SpanNode
    const bars = waterfall([span('a', 1_000, 100, [span('c', 1_050, 50), span('b', 1_010, 20)])])
    expect(bars.map(({ span: { span_id }, depth, start, width }) => [span_id, depth, start, width])).toEqual([['a', 0, 0, 1], ['b', 1, 0.1, 0.2], ['c', 1, 0.5, 0.5]])
  })
})

it('a condition is asked in words, a group without its parts', () => {
  const leaf = { field: 'path', op: 'glob', expected: '*.md', actual: '/a', matched: false }
  expect(asks(leaf)).toBe('path glob "*.md"')
  expect(asks({ ...leaf, op: 'exists', expected: false })).toBe('path does not exist')
  expect(asks({ ...leaf, field: '', op: 'not', expected: null, actual: null, of: [leaf] })).toBe('not all of')
})

describe('a histogram', () => {
  it('has a bar for each minute of the hour, empty ones too', () => {
    const at = (minute: number) => ({ time: new Date(minute * 60_000).toISOString(), counts: { info: minute } })
    expect(bars({ buckets: [] })).toEqual([])
    const hour = bars({ buckets: [at(1), at(597), at(600)] })
    expect([hour.length, hour.slice(-4).map(({ all }) => all)]).toEqual([60, [597, 0, 0, 600]])
  })
})
