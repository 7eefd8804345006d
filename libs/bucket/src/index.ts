export { failureOf, type Failure } from './failure.ts';
export { createDamageReport, createFindings, type Findings } from './findings.ts';
export { type Bucket, openBucket } from './open-bucket.ts';
export { createPodWork, type PodJob, type PodWork } from './pod-work.ts';
export { tallyRequests } from './requests.ts';
