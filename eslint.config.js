import js from '@eslint/js';
import prettier from 'eslint-config-prettier';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';
import { importRules } from './scripts/import-rules.js';

export default ts.config(
  { ignores: ['dist/', 'release/', 'test-results/', 'playwright-report/', 'test/canary/'] },
  js.configs.recommended,
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  prettier,
  {
    languageOptions: { globals: globals.node },
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off', // columns and tables are indexed in bounds
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-invalid-void-type': 'off',
      'no-console': 'error',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'max-lines': ['error', { max: 500, skipBlankLines: false, skipComments: false }],
    },
  },
  {
    files: ['renderer/**/*.{ts,svelte,svelte.ts}'],
    languageOptions: { globals: globals.browser, parserOptions: { parser: ts.parser } },
    rules: {
      'svelte/no-at-html-tags': 'error',
      'svelte/no-inline-styles': ['error', { allowTransitions: true }],
    },
  },
  { files: ['electron/preload.ts'], languageOptions: { globals: globals.browser } },
  { files: ['scripts/**', 'test/bench/**'], rules: { 'no-console': 'off' } },
  { files: ['**/*.js', '**/*.mjs', '**/*.cjs'], ...ts.configs.disableTypeChecked },
  {
    // Electron ships BoringSSL, which has no AES-CCM: such code works under Node and is dead in the product.
    files: ['core/**/*.ts', 'electron/**/*.ts'],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector: 'Literal[value=/-ccm/i]',
          message: 'Electron has no AES-CCM: build it from CTR and CBC.',
        },
        { selector: 'TemplateElement[value.raw=/-ccm/i]', message: 'Electron has no AES-CCM.' },
      ],
    },
  },
  ...importRules(),
);
