/** Addresses: `/`, `/sessions/<uid>`, `/logs?query=…`. The browser's own history, so back and reload just work. */
export interface Place {
  screen: string
  ref: string
  query: URLSearchParams
}

export function placeOf(path: string, search: string): Place {
  const [screen = '', ...rest] = path.split('/').filter(Boolean)
  return { screen: screen || 'home', ref: rest.map(decoded).join('/'), query: new URLSearchParams(search) }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

class Router {
  place = $state.raw(placeOf(location.pathname, location.search))
  #here = location.pathname + location.search
  /** Asked before the place is left; true: stay (unsaved changes). */
  guard: (() => boolean) | null = null

  constructor() {
    addEventListener('popstate', () => this.#moved())
    addEventListener('beforeunload', (event) => {
      if (this.guard?.()) event.preventDefault()
    })
    addEventListener('click', (event) => this.#clicked(event))
  }

  go(address: string, { replace = false } = {}): void {
    if (this.#held()) return
    history[replace ? 'replaceState' : 'pushState'](null, '', address)
    this.#arrived()
  }

  #arrived(): void {
    this.#here = location.pathname + location.search
    this.place = placeOf(location.pathname, location.search)
  }

  #moved(): void {
    if (this.#held()) history.pushState(null, '', this.#here)
    else this.#arrived()
  }

  #held(): boolean {
    if (this.guard?.() && !confirm('Leave without saving your changes?')) return true
    this.guard = null
    return false
  }

  /** Links of our own are followed within the page; with a modifier, or elsewhere, the browser does what it does. */
  #clicked(event: MouseEvent): void {
    const link = (event.target as Element | null)?.closest?.('a')
    if (!link || event.defaultPrevented || event.button !== 0) return
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || link.target || link.download) return
    if (link.origin !== location.origin || /^\/(api|docs|openapi)/.test(link.pathname)) return
    event.preventDefault()
    this.go(link.pathname + link.search)
  }
}

export const router = new Router()
