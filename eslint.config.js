import { builtinModules } from 'node:module';
import nx from '@nx/eslint-plugin';
import prettier from 'eslint-config-prettier/flat';
import jest from 'eslint-plugin-jest';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

const PURE = ['s3-key-format', 'log-record', 'pod-metadata'].map((lib) => `libs/${lib}`);
const SPECS = ['**/*.spec.ts', 'apps/*/e2e/**/*.ts'];

/** Which tags may import which; a project must satisfy the line of each of its tags. */
const LAYERS = {
  'layer:app': ['layer:operations', 'layer:service', 'layer:domain', 'layer:storage', 'layer:pure'],
  // What an operator does by hand, on top of what the workers do.
  'layer:operations': ['layer:domain', 'layer:storage', 'layer:pure'],
  'layer:domain': ['layer:service', 'layer:storage', 'layer:pure'],
  'name:compaction': ['layer:storage', 'layer:pure'],
  'name:queues': ['layer:service', 'layer:pure'],
  'layer:service': ['layer:pure'],
  'layer:storage': ['layer:pure'],
  'layer:pure': ['layer:pure'],
  // Itself too: the ignored cycle below makes Nx look at testkit's own relative imports as well.
  'layer:test': ['layer:test', 'layer:domain', 'layer:service', 'layer:storage', 'layer:pure'],
  // Apps: what they are configured by, for documentation and manifests.
  'layer:tooling': ['layer:app', 'layer:test', 'layer:domain', 'layer:service', 'layer:storage', 'layer:pure'],
};
const PACKAGES = [
  { sourceTag: 'name:s3-key-format', allowedExternalImports: [] },
  { sourceTag: 'name:log-record', allowedExternalImports: [] },
  { sourceTag: 'name:pod-metadata', allowedExternalImports: ['zod'] },
  { sourceTag: 'name:client', allowedExternalImports: [] },
];

/**
 * Specs may import testkit and any package besides what their library may.
 * @param {{ spec: boolean }} options
 */
function moduleBoundaries({ spec }) {
  const layers = Object.entries(LAYERS).map(([sourceTag, allowed]) => ({
    sourceTag,
    onlyDependOnLibsWithTags: spec ? [...allowed, 'layer:test'] : allowed,
  }));
  return {
    '@nx/enforce-module-boundaries': [
      'error',
      {
        depConstraints: spec ? layers : [...layers, ...PACKAGES],
        // testkit builds on the libraries whose specs use it. That cycle is harmless (nothing but specs imports testkit,
        // which the constraints above see to), and unavoidable in a graph that takes a library and its specs as one node.
        ignoredCircularDependencies: [['*', '@cordwood/testkit']],
        enforceBuildableLibDependency: false,
      },
    ],
  };
}

const AMBIENT = 'A pure library has no I/O, clock or randomness: take it as an argument.';
/** @param {string[]} names */
const banGlobals = (names) => ['error', ...names.map((name) => ({ name, message: AMBIENT }))];

export default defineConfig(
  globalIgnores(['**/dist/', '**/coverage/', '**/tmp/', '.nx/', 'libs/*/lint-fixtures/']),
  // AssemblyScript: other types than TypeScript's, which its own compiler checks.
  globalIgnores(['libs/log-record/kernel/']),
  { files: ['**/*.{js,ts}'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { '@nx': nx },
    rules: {
      ...moduleBoundaries({ spec: false }),
      eqeqeq: 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    },
  },
  {
    files: ['libs/*/src/**/*.ts', 'apps/*/src/**/*.ts'],
    ignores: SPECS,
    rules: {
      'no-console': 'error',
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'exit', message: 'Only main.ts ends the process; everything else throws.' },
      ],
    },
  },
  { files: ['apps/*/src/main.ts'], rules: { 'no-restricted-properties': 'off' } },
  {
    files: PURE.flatMap((lib) => [`${lib}/src/**/*.ts`, `${lib}/lint-fixtures/**/*.ts`]),
    ignores: SPECS,
    rules: {
      // Nx sees npm packages and projects, but not what comes with Node.
      'no-restricted-imports': [
        'error',
        {
          paths: builtinModules.map((name) => ({ name, message: AMBIENT })),
          patterns: [{ group: ['node:*'], message: AMBIENT }],
        },
      ],
      'no-restricted-globals': banGlobals([
        'process',
        'globalThis',
        'global',
        'fetch',
        'performance',
        'crypto',
        'console',
        'setTimeout',
        'setInterval',
        'setImmediate',
        'queueMicrotask',
      ]),
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: AMBIENT },
        { object: 'Math', property: 'random', message: AMBIENT },
      ],
      'no-restricted-syntax': [
        'error',
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: AMBIENT },
        { selector: "CallExpression[callee.name='Date']", message: AMBIENT },
        { selector: 'ImportExpression', message: 'A pure library loads nothing at run time.' },
      ],
    },
  },
  {
    // It runs in browsers too.
    files: ['libs/client/src/**/*.ts'],
    ignores: [...SPECS, '**/spec-server.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['node:*'], message: 'Browsers have no such thing.' }] },
      ],
      'no-restricted-globals': ['error', 'process', 'Buffer', 'global', 'setImmediate'],
    },
  },
  {
    files: SPECS,
    extends: [jest.configs['flat/recommended']],
    rules: {
      ...moduleBoundaries({ spec: true }),
      'jest/expect-expect': ['error', { assertFunctionNames: ['expect', 'expect*', 'assert*', '**.assert'] }],
      'jest/no-disabled-tests': 'error',
      'jest/prefer-importing-jest-globals': 'error',
      // Matchers such as expect.any() are typed `any`, mocks are passed unbound, and stubs are async without awaiting.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/unbound-method': 'off',
      'jest/unbound-method': 'error',
    },
  },
  { files: ['**/*.js'], extends: [tseslint.configs.disableTypeChecked] },
  prettier,
);
