import svelte from 'eslint-plugin-svelte'
import ts from 'typescript-eslint'

export default ts.config(
  { ignores: ['src/lib/api/schema.ts'] }, // written by openapi-typescript
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  { files: ['**/*.svelte', '**/*.svelte.ts'], languageOptions: { parserOptions: { parser: ts.parser } } },
  {
    rules: {
      'max-lines': ['error', 350],
      complexity: ['error', 15],
      'no-console': 'error',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'svelte/no-at-html-tags': 'error', // terminal and log content is never HTML
      'svelte/no-navigation-without-resolve': 'off', // SvelteKit's
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
    },
  },
)
