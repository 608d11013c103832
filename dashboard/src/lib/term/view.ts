/** A terminal in the page: xterm with its add-ons. The style shim must be installed before this module is loaded. */
import { ClipboardAddon, type IClipboardProvider } from '@xterm/addon-clipboard'
import { FitAddon } from '@xterm/addon-fit'
import { SearchAddon } from '@xterm/addon-search'
import { SerializeAddon } from '@xterm/addon-serialize'
import { Unicode11Addon } from '@xterm/addon-unicode11'
import { WebLinksAddon } from '@xterm/addon-web-links'
import { WebglAddon } from '@xterm/addon-webgl'
import { Terminal } from '@xterm/xterm'
import '@xterm/xterm/css/xterm.css'
import { letterboxed, type Size } from './letterbox'
import { palette } from './palette'
import { Writer } from './writer'

const SCROLLBACK_LINES = 5_000
const FONT = 'ui-monospace, "SF Mono", "Cascadia Mono", "JetBrains Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace'
const FULL_RESET = new TextEncoder().encode('\x1bc')
const SOFTWARE = /swiftshader|llvmpipe|software|basic render/i

export interface Look {
  dark: boolean
  fontSize: number
}

export class TerminalView {
  readonly terminal: Terminal
  readonly search = new SearchAddon({ highlightLimit: 2_000 })
  readonly #fit = new FitAddon()
  readonly #serialize = new SerializeAddon()
  readonly #writer: Writer

  constructor(element: HTMLElement, look: Look, options: { readonly: boolean; mayCopy: () => boolean; label: string; screenReader?: boolean }) {
    this.terminal = new Terminal({
      allowProposedApi: true,
      cursorBlink: !matchMedia('(prefers-reduced-motion: reduce)').matches,
      disableStdin: options.readonly,
      fontFamily: FONT,
      fontSize: look.fontSize,
      minimumContrastRatio: 4.5,
      screenReaderMode: options.screenReader ?? false,
      scrollback: SCROLLBACK_LINES,
      theme: palette(look.dark),
      linkHandler: { activate: (_, url) => follow(url) },
    })
    this.#writer = new Writer((slice, parsed) => this.terminal.write(slice, parsed))
    this.#load(options.mayCopy)
    this.terminal.open(element)
    this.terminal.textarea?.setAttribute('aria-label', options.label)
    this.#accelerate()
  }

  #load(mayCopy: () => boolean): void {
    const addons = [this.#fit, this.search, this.#serialize, new Unicode11Addon(), new WebLinksAddon((_, url) => follow(url))]
    for (const addon of addons) this.terminal.loadAddon(addon)
    this.terminal.loadAddon(new ClipboardAddon(undefined, writeOnly(mayCopy)))
    this.terminal.parser.registerOscHandler(52, asksForClipboard)
    this.terminal.unicode.activeVersion = '11'
  }

  /** On a real GPU only: in software it is slower than the page's own drawing, and costs hundreds of megabytes. */
  #accelerate(): void {
    if (!hasGpu()) return
    const webgl = new WebglAddon()
    webgl.onContextLoss(() => webgl.dispose())
    this.terminal.loadAddon(webgl)
  }

  write(data: Uint8Array, done: () => void): void {
    this.#writer.push(data, done)
  }

  get backlog(): number {
    return this.#writer.waiting
  }

  /** Do something between what was written before and what is written after. */
  inTurn(deed: () => void): void {
    this.#writer.inTurn(deed)
  }

  reset(): void {
    this.#writer.clear()
    this.#writer.push(FULL_RESET) // in line: behind a slice that is being parsed
  }

  dress(dark: boolean): void {
    this.terminal.options.theme = palette(dark)
  }

  /** What fits the element now with text of that size; null while it has none. */
  fitting(fontSize: number): Size | null {
    const size = this.#fit.proposeDimensions()
    if (!size || !(size.cols > 1 && size.rows > 1)) return null
    const scale = (this.terminal.options.fontSize ?? fontSize) / fontSize
    return { cols: Math.floor(size.cols * scale), rows: Math.floor(size.rows * scale) }
  }

  /** As large as the element, in the chosen size of text. */
  fit(fontSize: number): void {
    this.terminal.options.fontSize = fontSize
    this.#fit.fit()
  }

  /** In a size that perhaps somebody else has chosen, with smaller text if it would not fit: a letterbox. */
  letterbox(size: Size, fontSize: number): void {
    const own = this.fitting(fontSize)
    if (own) this.terminal.options.fontSize = letterboxed(size, own, fontSize)
    this.terminal.resize(size.cols, size.rows)
  }

  text(): string {
    this.terminal.selectAll()
    const text = this.terminal.getSelection()
    this.terminal.clearSelection()
    return text
  }

  ansi(): string {
    return this.#serialize.serialize()
  }

  dispose(): void {
    this.#writer.clear()
    this.terminal.dispose()
  }
}

/** Links open in a page of their own that knows nothing of this one; only what a browser shows is followed. */
function follow(url: string): void {
  if (/^https?:\/\//i.test(url)) window.open(url, '_blank', 'noopener,noreferrer')
}

/** OSC 52: programs may write the clipboard if a person allows it, and never read it. */
function writeOnly(mayCopy: () => boolean): IClipboardProvider {
  return {
    readText: () => '',
    writeText: async (_, text) => {
      if (mayCopy()) await navigator.clipboard.writeText(text)
    },
  }
}

/** A program that asks what the clipboard holds gets no answer at all, not even an empty one: true, it is dealt with. */
function asksForClipboard(data: string): boolean {
  return data.slice(data.indexOf(';') + 1) === '?'
}

function hasGpu(): boolean {
  const context = document.createElement('canvas').getContext('webgl2')
  const info = context?.getExtension('WEBGL_debug_renderer_info')
  const renderer: unknown = info ? context?.getParameter(info.UNMASKED_RENDERER_WEBGL) : ''
  context?.getExtension('WEBGL_lose_context')?.loseContext()
  return typeof renderer === 'string' && renderer !== '' && !SOFTWARE.test(renderer)
}
