import { describe, expect, it } from 'vitest'
import { SLICE, Writer } from '../src/lib/term/writer'

function stage() {
  const written: number[] = []
  const pending: (() => void)[] = []
  const writer = new Writer((slice, parsed) => {
    written.push(slice.length)
    pending.push(parsed)
  })
  const settle = (): void => {
    for (let parsed = pending.shift(); parsed; parsed = pending.shift()) parsed()
  }
  return { writer, written, pending, settle }
}

describe('a writer', () => {
  it('has one write in flight, in slices', () => {
    const { writer, written, pending, settle } = stage()
    writer.push(new Uint8Array(SLICE * 2 + 5))
    writer.push(new Uint8Array(3))
    expect([written, pending.length]).toEqual([[SLICE], 1])
    settle()
    expect(written).toEqual([SLICE, SLICE, 5, 3])
    expect(writer.waiting).toBe(0)
  })

  it('tells when all of a piece is parsed, in order', () => {
    const { writer, settle } = stage()
    const told: string[] = []
    writer.push(new Uint8Array(SLICE + 1), () => told.push('long'))
    writer.push(new Uint8Array(1), () => told.push('short'))
    settle()
    expect(told).toEqual(['long', 'short'])
  })

  it('does a deed between what was written before and after it', () => {
    const { writer, written, settle } = stage()
    const told: string[] = []
    writer.push(new Uint8Array(SLICE + 1))
    writer.inTurn(() => told.push(`after ${written.length}`))
    writer.push(new Uint8Array(1))
    settle()
    writer.inTurn(() => told.push('at once'))
    expect(told).toEqual(['after 2', 'at once'])
  })

  it('forgets what waits, and still has one write in flight', () => {
    const { writer, written, settle } = stage()
    const told: string[] = []
    writer.push(new Uint8Array(10), () => told.push('old'))
    writer.push(new Uint8Array(10), () => told.push('old'))
    writer.clear()
    writer.push(new Uint8Array(4), () => told.push('new'))
    expect(written).toEqual([10])
    settle()
    expect([written, told]).toEqual([[10, 4], ['new']])
  })
})
