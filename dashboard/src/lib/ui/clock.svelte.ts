/** The present, to the half minute: relative times that tick, with one timer for all of them. */
import { SvelteDate } from 'svelte/reactivity'

const TICK_MS = 30_000
const now = new SvelteDate()
setInterval(() => now.setTime(Date.now()), TICK_MS)

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
]
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto', style: 'short' })
const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' })
const WEEK = 7 * 86_400

export function ago(time: string | null | undefined, at: number = now.getTime()): string {
  if (!time) return 'never'
  const seconds = (at - Date.parse(time)) / 1_000
  if (seconds < 60) return 'now'
  if (seconds > WEEK) return absolute.format(Date.parse(time))
  const [unit, size] = UNITS.find(([, size]) => seconds >= size) ?? ['minute', 60]
  return relative.format(-Math.floor(seconds / size), unit)
}

export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB']
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, count)) / 3))
  return `${(count / 1_000 ** step).toFixed(step === 0 ? 0 : 1)} ${units[step]}`
}
