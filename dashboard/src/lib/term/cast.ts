/** A recording (asciicast v2) as frames, and what is on screen at a time. Pure. */
export interface Frame {
  at: number
  kind: 'o' | 'r'
  data: string
}

export interface Cast {
  cols: number
  rows: number
  seconds: number
  frames: Frame[]
}

/** Raises SyntaxError for what is no recording. Kinds of events other than output and resizes are left out. */
export function parseCast(text: string): Cast {
  const [head = '', ...lines] = text.split('\n')
  const header = JSON.parse(head) as { version?: number; width?: number; height?: number }
  if (header.version !== 2) throw new SyntaxError(`asciicast version ${header.version} is not known`)
  const frames = lines.filter(Boolean).map(frameOf).filter((frame) => frame !== null)
  return { cols: header.width ?? 80, rows: header.height ?? 24, seconds: frames.at(-1)?.at ?? 0, frames }
}

function frameOf(line: string): Frame | null {
  const [at, kind, data] = JSON.parse(line) as [number, string, string]
  return kind === 'o' || kind === 'r' ? { at, kind, data } : null
}

export function sizeOf(data: string): { cols: number; rows: number } {
  const [cols = 80, rows = 24] = data.split('x').map(Number)
  return { cols, rows }
}

/** The index of the first frame after `seconds`. */
export function after(frames: Frame[], seconds: number): number {
  let low = 0
  let high = frames.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((frames[middle]?.at ?? Infinity) <= seconds) low = middle + 1
    else high = middle
  }
  return low
}
