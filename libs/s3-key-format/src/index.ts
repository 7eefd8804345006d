export { formatMinute, parseMinute } from './minute.ts';
export { isContainerName, isNamespaceName, isPodName } from './names.ts';
export * from './own-keys.ts';
export * from './raw-key.ts';
export type { KeyProblem, KeyResult } from './result.ts';
