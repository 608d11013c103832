/** Which rows of a long list are in view, and some beyond. Pure. */
const BEYOND = 12

export function windowOf(count: number, rowHeight: number, offset: number, height: number): { first: number; end: number } {
  const first = Math.max(0, Math.floor(offset / rowHeight) - BEYOND)
  const end = Math.min(count, Math.ceil((offset + height) / rowHeight) + BEYOND)
  return { first: Math.min(first, end), end }
}
