/** How long to wait before the next try: doubling, jittered, never long enough to look dead. */
const FIRST_MS = 300
const LONGEST_MS = 5_000

export function delay(failures: number, random: () => number = Math.random): number {
  const whole = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.max(0, failures - 1))
  return whole * (0.7 + 0.3 * random())
}
