import { letterboxed } from '../src/lib/term/letterbox'
import { Typeahead } from '../src/lib/term/typeahead'
import { describe, expect, it } from 'vitest'
import { Attachment, TAIL_BYTES } from '../src/lib/term/attachment'

const ready = (cursor: number) => ({ type: 'ready', cursor, cols: 80, rows: 24, readonly: false }) as const

describe('an attachment', () => {
  it('asks for a snapshot, or the tail, first', () => {
    expect(new Attachment().query(false)).toEqual({ control: '1', snapshot: '1', tail: String(TAIL_BYTES) })
  })

  it('comes back to exactly where it was', () => {
    const at = new Attachment()
    expect(at.word(ready(100))).toBe(false)
    expect(at.bytes(7)).toBe(107)
    expect(at.query(true)).toEqual({ control: '1', readonly: '1', cursor: '107' })
    expect(at.word(ready(107))).toBe(false)
    expect(at.bytes(1)).toBe(108)
  })

  it('empties the terminal when what it asked for is gone', () => {
    const at = new Attachment()
    at.word(ready(0))
    at.bytes(10)
    expect(at.word({ type: 'reset', base: 500, reason: 'trimmed' })).toBe(true)
    expect(at.bytes(5)).toBe(505)
  })

  it('empties the terminal when the server goes on elsewhere', () => {
    const at = new Attachment()
    at.word(ready(10))
    expect(at.word(ready(30))).toBe(true)
    expect(at.received).toBe(30)
  })

  it('does not count the bytes that redraw a snapshot', () => {
    const at = new Attachment()
    at.word(ready(900))
    expect(at.word({ type: 'snapshot', cursor: 950, cols: 80, rows: 24 })).toBe(true)
    expect(at.bytes(4_000)).toBeNull()
    expect(at.bytes(3)).toBe(953)
  })

  it('never acknowledges to a server that would type it', () => {
    const at = new Attachment()
    at.word(ready(0))
    at.bytes(1_000_000)
    expect(at.progress(1_000_000)).toBeNull()
  })

  it('acknowledges every 64 KiB to a server that knows', () => {
    const at = new Attachment()
    at.word(ready(0))
    at.word({ type: 'leader', you: true })
    expect(at.progress(65_535)).toBeNull()
    expect(at.progress(65_536)).toBe(65_536)
    expect(at.progress(100_000)).toBeNull()
    expect(at.progress(131_072)).toBe(131_072)
  })

  it.each([[1000, true], [1008, true], [4404, true], [1001, false], [1006, false], [1013, false]])('after close code %i: final is %s', (code, final) => {
    expect(Attachment.final(code)).toBe(final)
  })
})

describe('a letterbox', () => {
  it('has text as large as fits, never larger than wanted and never unreadable', () => {
    const own = { cols: 80, rows: 24 }
    expect([letterboxed({ cols: 80, rows: 24 }, own, 14), letterboxed({ cols: 160, rows: 24 }, own, 14), letterboxed({ cols: 40, rows: 12 }, own, 14), letterboxed({ cols: 999, rows: 24 }, own, 14)]).toEqual([14, 7, 14, 6])
  })
})

describe('what is typed ahead', () => {
  const bytes = (text: string) => new TextEncoder().encode(text)
  it('is kept in order, once', () => {
    const ahead = new Typeahead()
    expect([ahead.keep(bytes('a'), 0), ahead.keep(bytes('b'), 5)]).toEqual([true, true])
    expect([ahead.take(10), ahead.take(10)]).toEqual([[bytes('a'), bytes('b')], []])
  })
  it('is forgotten when it is old, and refused when it is much', () => {
    const ahead = new Typeahead()
    expect([ahead.keep(bytes('x'.repeat(4_000)), 0), ahead.keep(bytes('x'.repeat(100)), 0)]).toEqual([true, false])
    expect(ahead.keep(bytes('b'), 10_001)).toBe(false)
    expect(ahead.take(10_001)).toEqual([])
    expect(ahead.keep(bytes('x'.repeat(4_096)), 0)).toBe(true)
  })
})
