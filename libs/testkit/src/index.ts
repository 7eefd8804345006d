export { findChromium, startBrowser, type TestBrowser } from './browser.ts';
export { type EmbeddedS3, type EmbeddedS3Options, startEmbeddedS3 } from './embedded-s3.ts';
export {
  FLUENT_BIT_SCENARIOS,
  type FluentBitInstance,
  type FluentBitScenario,
  fluentBitScenario,
  type FluentBitScenarioName,
  type FluentBitUpload,
  REFERENCE_BUCKETS,
  type ReferenceBucket,
  referenceBucket,
  type ReferenceBucketName,
  type ReferenceObject,
  type ReferenceRead,
} from './fixtures.ts';
export {
  type Fault,
  type FaultProxy,
  type FaultProxyOptions,
  type FaultRule,
  type ProxiedRequest,
  startFaultProxy,
} from './fault-proxy.ts';
export {
  type PrivateRedis,
  type PrivateRedisOptions,
  removeTestKeys,
  startPrivateRedis,
  testQueuePrefix,
  testRedisUrl,
} from './redis.ts';
export { compactPod, type CompactPodOptions } from './compact-pod.ts';
export { Crash, DyingStore } from './dying-store.ts';
export { MemoryObjectStore } from './memory-object-store.ts';
export { openTestStore, type TestStore } from './test-store.ts';
export { type AppLogLine, type AppProcess, eventually, startApp } from './app-process.ts';
export { freePort } from './free-port.ts';
export {
  isClean,
  putRaw,
  type RawUpload,
  startTestSystem,
  storedPod,
  type TestSystem,
  type TestSystemOptions,
} from './system.ts';
export * from './kube-api/index.ts';
export { selfSignedCertificate } from './test-certificate.ts';
