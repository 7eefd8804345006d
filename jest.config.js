/** One run for the whole repository. Started by tools/test.ts, which provides Redis and Node's flags. */
export default {
  testMatch: [
    '<rootDir>/{libs,apps}/*/src/**/*.spec.ts',
    '<rootDir>/apps/*/e2e/**/*.spec.ts',
    '<rootDir>/{tools,bench}/**/*.spec.ts',
  ],
  // What needs a real S3 server is left to jest.s3.config.js.
  testPathIgnorePatterns: ['/node_modules/', String.raw`\.s3\.spec\.ts$`],
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.nx/', '<rootDir>/tmp/'],
  testEnvironment: 'node',
  // Not a measure of anything: only what hangs is to end. Machines may be busy; longer than one wait of testkit's eventually().
  testTimeout: 400_000,
  // Jest's own default leaves one of two cores idle.
  maxWorkers: 2,
  extensionsToTreatAsEsm: ['.ts'],
  // swc only strips types, as Node does; it is here because Jest loads modules itself.
  transform: {
    [String.raw`\.ts$`]: [
      '@swc/jest',
      {
        jsc: { target: 'esnext', parser: { syntax: 'typescript' }, transform: { verbatimModuleSyntax: true } },
        sourceMaps: 'inline',
      },
    ],
  },
  reporters: ['default', '<rootDir>/tools/jest/totals-reporter.ts'],
};
