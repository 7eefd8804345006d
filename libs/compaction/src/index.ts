export { Cleaner, type CleaningResult } from './cleaner.ts';
export { DeletionError } from './clean.ts';
export { Compactor, type CompactionResult } from './compactor.ts';
export { type CompactionOptions, DEFAULT_LIMITS } from './options.ts';
export { type BatchLimits, nextBatch } from './plan.ts';
export { scan, type ScanOptions, type ScanResult } from './scan.ts';
