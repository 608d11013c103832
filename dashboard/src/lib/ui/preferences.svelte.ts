/** What a person has set for this browser. Kept in its storage; no token ever is. */
const KEY = 'gestalt.preferences'

export type Theme = 'system' | 'light' | 'dark'
export type Level = 'info' | 'warning' | 'error'

const DEFAULTS = {
  theme: 'system' as Theme,
  level: 'info' as Level,
  desktop: false,
  fontSize: 13,
  copyOnSelect: false,
  programsMayCopy: false,
  askBeforePaste: true,
  screenReader: false,
  snippets: [] as string[],
}
type Kept = typeof DEFAULTS

function load(): Kept {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? '{}')
    return { ...DEFAULTS, ...(typeof kept === 'object' ? kept : {}) }
  } catch {
    return { ...DEFAULTS } // a storage that is closed or was written by something else
  }
}

const kept = $state(load())

function property<Name extends keyof Kept>(name: Name): PropertyDescriptor {
  return {
    enumerable: true,
    get: () => kept[name],
    set: (value: Kept[Name]) => {
      kept[name] = value
      localStorage.setItem(KEY, JSON.stringify(kept))
    },
  }
}

const names = Object.keys(DEFAULTS) as (keyof Kept)[]
export const preferences = Object.defineProperties(
  {},
  Object.fromEntries(names.map((name) => [name, property(name)])),
) as Kept

/** A size of text in terminals, some pixels larger or smaller; never unreadable, never absurd. */
export const zoomed = (size: number, by: number): number => Math.max(8, Math.min(28, size + by))

/** Whether the page is dark now. */
class Look {
  #system = matchMedia('(prefers-color-scheme: dark)')
  #systemDark = $state(this.#system.matches)

  constructor() {
    this.#system.addEventListener('change', ({ matches }) => (this.#systemDark = matches))
  }

  get dark(): boolean {
    return preferences.theme === 'system' ? this.#systemDark : preferences.theme === 'dark'
  }
}

export const look = new Look()
