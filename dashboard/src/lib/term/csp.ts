/**
 * The page's policy forbids inline styles, and xterm and CodeMirror make them. This turns their `<style>` elements into
 * adopted style sheets and their `setAttribute('style', …)` into `cssText`; both say the same and need no permission.
 * To be called before either is loaded; calling it again changes nothing.
 */
let installed = false

export function installStyleShim(): void {
  if (installed) return
  installed = true
  customElements.define('adopted-style', AdoptedStyle)
  const create = Document.prototype.createElement
  Document.prototype.createElement = function (this: Document, name: string, options?: ElementCreationOptions) {
    return create.call(this, name.toLowerCase() === 'style' ? 'adopted-style' : name, options)
  } as typeof create
  const set = Element.prototype.setAttribute
  Element.prototype.setAttribute = function (this: Element, name: string, value: string): void {
    if (name.toLowerCase() === 'style' && this instanceof HTMLElement) this.style.cssText = value
    else set.call(this, name, value)
  }
}

/** Stands in for a `<style>`: its text is a sheet of the document as long as it is in it. */
class AdoptedStyle extends HTMLElement {
  readonly sheet = new CSSStyleSheet()
  media = ''
  type = ''

  override get textContent(): string {
    return super.textContent ?? ''
  }

  override set textContent(text: string) {
    super.textContent = text
    this.sheet.replaceSync(text)
  }

  override appendChild<T extends Node>(node: T): T {
    const added = super.appendChild(node)
    this.sheet.replaceSync(this.textContent)
    return added
  }

  connectedCallback(): void {
    this.hidden = true
    const sheets = document.adoptedStyleSheets
    if (!sheets.includes(this.sheet)) document.adoptedStyleSheets = [...sheets, this.sheet]
  }

  disconnectedCallback(): void {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((sheet) => sheet !== this.sheet)
  }
}
