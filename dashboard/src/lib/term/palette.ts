/** The sixteen colours of a terminal, for both looks: every one readable on its background. */
import type { ITheme } from '@xterm/xterm'

const DARK: ITheme = {
  background: '#0f1117', foreground: '#d7dae4', cursor: '#aab3ff', cursorAccent: '#0f1117',
  selectionBackground: '#39415f', selectionInactiveBackground: '#2a3048',
  black: '#3a4057', red: '#f2777f', green: '#7fd29a', yellow: '#e6c07b',
  blue: '#7fa8ff', magenta: '#cf9bf0', cyan: '#6fcbd6', white: '#c3c8d6',
  brightBlack: '#727a96', brightRed: '#ff959c', brightGreen: '#9be8b4', brightYellow: '#f5d696',
  brightBlue: '#a3c1ff', brightMagenta: '#e0b8ff', brightCyan: '#93e3ec', brightWhite: '#f3f5fb',
}

const LIGHT: ITheme = {
  background: '#fcfcfe', foreground: '#24283a', cursor: '#3d49c4', cursorAccent: '#fcfcfe',
  selectionBackground: '#c9d2ff', selectionInactiveBackground: '#e2e6fb',
  black: '#24283a', red: '#b3202d', green: '#1a7038', yellow: '#8a5a00',
  blue: '#2450c8', magenta: '#8a2fb5', cyan: '#0b6b78', white: '#5f6579',
  brightBlack: '#555c75', brightRed: '#c93642', brightGreen: '#21813f', brightYellow: '#956300',
  brightBlue: '#3563df', brightMagenta: '#9c45c6', brightCyan: '#147985', brightWhite: '#3c4156',
}

export const palette = (dark: boolean): ITheme => (dark ? DARK : LIGHT)
