export type { ContainerDouble, ContainerOptions, InstanceDouble, InstanceIdentity, WriteOptions } from './container.ts';
export type { ActiveFault, KubeApiRequest, KubeFault, KubeFaultRule, KubeRequestKind } from './faults.ts';
export { fluentBitLine, fluentBitUpload, type FluentBitUploadOptions } from './fluent-bit.ts';
export { criText, type WrittenLine } from './log-file.ts';
export type { PodDouble, PodOptions } from './pod.ts';
export type { AccessRule, UserDouble } from './reviews.ts';
export { type KubeApiDouble, type KubeApiOptions, startKubeApi } from './server.ts';
