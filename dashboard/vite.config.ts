import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vitest/config'

/** Where the gateway looks for the page. */
const BUILT = '../gateway/src/gestalt_gateway/dashboard'

export default defineConfig({
  plugins: [svelte()],
  build: {
    outDir: process.env['DASHBOARD_OUT'] ?? BUILT,
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0, // the page's policy takes no data: URL
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700, // the terminal and the YAML editor, loaded on demand
  },
  server: { proxy: { '/api': 'http://127.0.0.1:57417', '/ws': { target: 'http://127.0.0.1:57417', ws: true } } },
  test: { include: ['tests/**/*.test.ts'] },
})
