import type { MetadataStore, ObjectStore } from '@cordwood/log-store';

/** What the doctor works with. Durations in ms, sizes in bytes. */
export interface DoctorOptions {
  readonly store: ObjectStore;
  readonly metadata: MetadataStore;
  /** CLEANUP_DELAY, ORPHAN_AGE and REORDER_WINDOW. */
  readonly cleanupDelay: number;
  readonly orphanAge: number;
  readonly reorderWindow: number;
  /** MERGED_FILE_SIZE and MAX_RECORD. */
  readonly mergedFileSize: number;
  readonly maxRecord: number;
  readonly legacyNamespace: string | undefined;
  /** Whether the contents of files are read too. */
  readonly deep: boolean;
}
