/** What the flow's form changes is what its YAML says, key by key. */
import { describe, expect, it } from 'vitest'
import { textOf, withOperator, withText } from '../src/screens/flows/conditions'
import { flowOfYaml, yamlOf, type Flow } from '../src/screens/flows/model'
import { part, scheduled, timed, words } from '../src/screens/flows/timing'

const flow: Flow = { id: 'a', label: 'a', event_type: 'file-change', where: {}, bindings: [] }

describe('conditions', () => {
  it('take values of the kind their operator wants', () => {
    const value = (op: string, text: string) => withText({ field: 'f', op }, text)['value']
    expect([value('eq', '3'), value('gt', '3'), value('gt', 'x'), value('in', 'a, b,'), value('exists', 'false')]).toEqual(['3', 3, 'x', ['a', 'b'], false])
  })
  it('keep their value with another operator', () => {
    const list = withOperator({ field: 'f', op: 'eq', value: 'a, b' }, 'in')
    expect([list['value'], textOf(list), withOperator(list, 'eq')['value']]).toEqual([['a', 'b'], 'a, b', 'a, b'])
  })
  it('become groups and stop being one', () => {
    const leaf = { field: 'f', op: 'eq', value: 'x' }
    const group = withOperator(leaf, 'any')
    expect(group).toEqual({ op: 'any', of: [leaf] })
    expect(withOperator(group, 'not')).toEqual({ op: 'not', of: [leaf] })
    expect(withOperator(group, 'ne')).toEqual({ field: '', op: 'ne', value: '' })
  })
})

describe('timing', () => {
  it('has a key for what is said, and none for what is not', () => {
    expect(timed(flow, 'cooldown', '5s')).toEqual({ ...flow, cooldown: '5s' })
    expect('cooldown' in timed({ ...flow, cooldown: '5s' }, 'cooldown', '')).toBe(false)
    const throttled = part(part(flow, 'throttle', 'limit', 3), 'throttle', 'per', '1h')
    expect(throttled.throttle).toEqual({ limit: 3, per: '1h' })
    expect(part(part(throttled, 'throttle', 'limit', undefined), 'throttle', 'per', '')).toEqual(flow)
    expect(part(part(flow, 'absence', 'for', '10m'), 'absence', 'until', words('a, b')).absence).toEqual({ for: '10m', until: ['a', 'b'] })
  })
  it('is either cron or every', () => {
    const every = part(scheduled(flow, 'every'), 'schedule', 'misfire', 'skip')
    expect(every.schedule).toEqual({ every: '15m', misfire: 'skip' })
    expect(scheduled(every, 'cron').schedule).toEqual({ cron: '0 9 * * 1-5', misfire: 'skip' })
  })
  it('is the same in YAML and back', () => {
    const whole = { ...flow, match: [{ op: 'any', of: [{ field: 'path', op: 'glob', value: '*.md' }, { field: 'n', op: 'gt', value: 3 }] }], debounce: '5s', throttle: { limit: 3, per: '1h' }, cooldown: '10m', schedule: { cron: '0 9 * * *', timezone: 'Europe/Rome' }, absence: { for: '1m', until: ['a'] }, group_by: 'session.id' }
    expect(flowOfYaml(yamlOf(whole))).toEqual(whole)
  })
  it('takes bare numbers of seconds in YAML', () => {
    expect(flowOfYaml('cooldown: 5\nschedule: {every: 900}\nwhere: {n: 3}')).toMatchObject({ cooldown: '5', schedule: { every: '900' }, where: { n: '3' } })
  })
  it('refuses what has another form', () => {
    for (const text of ['match: word', 'match: [word]', 'throttle: 3', 'absence: [a]', 'schedule: daily', 'where: x', 'bindings: {}']) expect(() => flowOfYaml(text)).toThrow(/is a/)
  })
})
