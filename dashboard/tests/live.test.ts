import { describe, expect, it } from 'vitest'
import type { Session } from '../src/lib/api/types'
import { address } from '../src/lib/api/client'
import { delay } from '../src/lib/live/backoff'
import { rowOf } from '../src/lib/live/log-rows'
import { applied } from '../src/lib/live/session-list'
import { SseParser } from '../src/lib/live/sse-parser'

const session = (uid: string, more: Partial<Session> = {}): Session => ({ uid, id: uid, created_at: `2026-01-01T00:00:0${uid}Z`, ...more }) as Session

describe('event streams', () => {
  it('are read however they are cut', () => {
    const text = 'retry: 5000\n\n: ping\n\nid: 7\ndata: {"a":1}\n\nid: 8\r\ndata: one\r\ndata: two\r\n\r\n'
    for (const size of [1, 2, 3, 7, 100]) {
      const parser = new SseParser()
      const found = (text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? []).flatMap((piece) => parser.feed(piece))
      expect(found).toEqual([{ id: '7', data: '{"a":1}' }, { id: '8', data: 'one\ntwo' }])
    }
  })

  it('come back soon, then less often, never later than 5 s', () => {
    expect(delay(1, () => 1)).toBe(300)
    expect(delay(3, () => 1)).toBe(1_200)
    expect(delay(50, () => 1)).toBe(5_000)
  })
})

describe('the list of sessions', () => {
  it('is replaced by a whole one', () => {
    expect(applied([session('1')], { type: 'sessions', changed: [session('2')], gone: [], whole: true }).map(({ uid }) => uid)).toEqual(['2'])
  })

  it('takes changes and departures, in order of creation', () => {
    const list = applied([session('2'), session('3')], { type: 'sessions', changed: [session('1'), session('3', { title: 'new' })], gone: ['2'], whole: false })
    expect(list.map(({ uid, title }) => [uid, title])).toEqual([['1', undefined], ['3', 'new']])
  })

  it('keeps what did not change as it is', () => {
    const kept = session('1')
    expect(applied([kept, session('2')], { type: 'sessions', changed: [session('2')], gone: [], whole: false })[0]).toBe(kept)
  })
})

describe('addresses of the API', () => {
  it('have their parts encoded, and no empty query', () => {
    expect(address('/api/sessions/{id}/input', { id: 'a/b ?1' }, { enter: 1, paste: undefined, none: '' })).toBe('/api/sessions/a%2Fb%20%3F1/input?enter=1')
  })
})

describe('log records', () => {
  it('are rows, whatever their values are', () => {
    const row = rowOf({
      id: '9', observedTimeUnixNano: '', severityNumber: 13, scope: {}, timeUnixNano: '1795535499259735947', severityText: 'WARN', body: { stringValue: '<b>x</b>' }, traceId: 'ab',
      attributes: [{ key: 'session.id', value: { stringValue: 'Coder 1' } }, { key: 'n', value: { intValue: '3' } }, { key: 'gestalt.replay_window', value: { stringValue: '1h' } }],
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'gestalt-flow' } }] },
    })
    expect(row).toMatchObject({ text: '<b>x</b>', level: 'warn', tone: 'warn', session: 'Coder 1', service: 'flow', trace: 'ab', time: 1795535499259 })
    expect(row.attributes).toEqual([['session.id', 'Coder 1'], ['n', '3']])
  })
})
