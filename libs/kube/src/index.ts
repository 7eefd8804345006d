export type * from './api.ts';
export { createKube, type KubeClient, type KubeOptions } from './client.ts';
export * from './errors.ts';
export { type KubeConfigOptions, loadKubeConfig } from './load-config.ts';
export { LiveLines, type LiveLinesOptions } from './live-lines.ts';
