/** The YAML editor. The style shim must be installed before this module is loaded. */
import { yaml } from '@codemirror/lang-yaml'
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language'
import { keymap } from '@codemirror/view'
import { tags } from '@lezer/highlight'
import { EditorView, minimalSetup } from 'codemirror'

const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: 'var(--accent)' },
  { tag: [tags.string, tags.content], color: 'var(--text)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--warn)' },
  { tag: tags.comment, color: 'var(--faint)', fontStyle: 'italic' },
])

export interface Editor {
  put(text: string): void
  destroy(): void
}

export function create(parent: HTMLElement, text: string, label: string, changed: (text: string) => void): Editor {
  const leave = { key: 'Ctrl-.', run: () => (document.querySelector<HTMLElement>('[data-editor-exit]')?.focus(), true) }
  const tell = EditorView.updateListener.of(({ docChanged, state, view }) => {
    if (docChanged && view.hasFocus) changed(state.doc.toString())
  })
  const name = EditorView.contentAttributes.of({ 'aria-label': label })
  const extensions = [minimalSetup, yaml(), syntaxHighlighting(colours), keymap.of([leave]), name, tell, EditorView.lineWrapping]
  const view = new EditorView({ doc: text, parent, extensions })
  return {
    put: (next) => {
      if (view.hasFocus || next === view.state.doc.toString()) return // who types is not to be typed over
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: next } })
    },
    destroy: () => view.destroy(),
  }
}
