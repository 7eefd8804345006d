export { checkBucket, type Checked, checkPods } from './check-bucket.ts';
export { checkPod } from './check-pod.ts';
export { explain, type Explanation, type Finding, type Severity } from './findings.ts';
export type { DoctorOptions } from './options.ts';
export { repairPod, type RepairOptions } from './repair.ts';
