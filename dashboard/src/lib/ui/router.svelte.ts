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
  /** Asked before the place is left for another (null: for good); true: there are changes to lose. */
  guard: ((next: Place | null) => boolean) | null = null

  constructor() {
    addEventListener('popstate', () => this.#moved())
    addEventListener('beforeunload', (event) => {
      if (this.guard?.(null)) event.preventDefault()
    })
    addEventListener('click', (event) => this.#clicked(event))
  }

  go(address: string, { replace = false } = {}): void {
    const { pathname, search } = new URL(address, location.href)
    if (this.#held(placeOf(pathname, search))) return
    history[replace ? 'replaceState' : 'pushState'](null, '', address)
    this.#arrived()
  }

  #arrived(): void {
    this.#here = location.pathname + location.search
    this.place = placeOf(location.pathname, location.search)
  }

  #moved(): void {
    if (this.#held(placeOf(location.pathname, location.search))) history.pushState(null, '', this.#here)
    else this.#arrived()
  }

  #held(next: Place): boolean {
    return (this.guard?.(next) ?? false) && !confirm('Leave without saving your changes?')
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
