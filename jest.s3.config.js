import base from './jest.config.js';

/** Tests against a real S3 server (Ceph RGW, …), named in the environment: `npm run test:s3`. */
export default {
  ...base,
  testMatch: ['<rootDir>/libs/log-store/**/*.s3.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
};
