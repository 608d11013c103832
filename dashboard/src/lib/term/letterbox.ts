/** How large text may be so that a terminal of a given size fits where another one would. Pure. */
export interface Size {
  cols: number
  rows: number
}

const SMALLEST = 6

/** `own`: what fits with text of `wanted` pixels, which are never exceeded. */
export function letterboxed(size: Size, own: Size, wanted: number): number {
  const most = wanted * Math.min(own.cols / size.cols, own.rows / size.rows)
  return Math.max(SMALLEST, Math.min(wanted, Math.floor(most)))
}
