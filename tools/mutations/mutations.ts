/** A change that breaks a promise of docs/SPEC.md, and where it must be noticed. */
export interface Mutation {
  readonly name: string;
  readonly invariant: string;
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
  /** Jest patterns of the specs that are run. */
  readonly specs: readonly string[];
}

/** All but those that take minutes: those of random histories are run by hand. */
const CYCLE = [
  String.raw`libs/compaction/src/(cycle|crash|reading|retention|slow-read|plan)\.spec`,
  String.raw`libs/log-store/src/(metadata-store|log-reader|decompress|raw-file|read-position|runs)\.spec`,
  'libs/pod-metadata/src/',
];

const BULK = 'libs/compaction/src/plain-lines';

const GUARDED = [
  'libs/log-store/src/unsafe-stores',
  'libs/log-store/src/guarded-commit',
  'libs/queues/src/commit-locks',
  'apps/compactor-worker/src/guarded-commits',
];

/** Each by itself makes Cordwood lose, repeat or reorder records, in some history. */
export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'metadata is written without the condition',
    invariant: 'I2',
    file: 'libs/log-store/src/metadata-store.ts',
    find: `condition: before.etag === undefined ? { absent: true } : { etag: before.etag },`,
    replace: '',
    specs: CYCLE,
  },
  {
    name: 'an unanswered commit is taken for lost',
    invariant: 'I2',
    file: 'libs/log-store/src/metadata-store.ts',
    find: `if (now.metadata.commit_id === next.commit_id) return now;`,
    replace: '',
    specs: CYCLE,
  },
  {
    name: 'cleaning by key, without the ETag',
    invariant: 'I3',
    file: 'libs/compaction/src/clean.ts',
    find: `due.raw.filter((version) => etags.get(version.key) === version.etag)`,
    replace: `due.raw.filter((version) => etags.has(version.key)).map(({ key, merged_at }) => ({ key, merged_at, etag: etags.get(key) ?? '' }))`,
    specs: CYCLE,
  },
  {
    name: 'cleaning before the commit',
    invariant: 'I3',
    file: 'libs/compaction/src/compactor.ts',
    find: `      version = await metadata.commit(pod, version, current, signal);`,
    replace: `      await store.deleteMany(batch.map(({ key, etag }) => ({ key, etag })));
      version = await metadata.commit(pod, version, current, signal);`,
    specs: CYCLE,
  },
  {
    name: 'a watermark in place of the exact set',
    invariant: 'I4',
    file: 'libs/pod-metadata/src/transitions.ts',
    find: `return (raw) => merged.has(versionId(raw));`,
    replace: `return (raw) => merged.size < 0 || raw.key <= (metadata.last_merged_key ?? '');`,
    specs: CYCLE,
  },
  {
    name: 'a late file is skipped',
    invariant: 'I4',
    file: 'libs/compaction/src/compactor.ts',
    find: `listed.filter((file) => !isMerged(file))`,
    replace: `listed.filter((file) => !isMerged(file) && file.key > (known.last_merged_key ?? ''))`,
    specs: CYCLE,
  },
  {
    name: 'a log with raw files that are not merged is deleted by its age',
    invariant: 'retention',
    file: 'libs/pod-metadata/src/retention.ts',
    find: ` || hasUnmerged(namespace, containerId)`,
    replace: '',
    specs: CYCLE,
  },
  {
    name: 'a merge brings deleted records back',
    invariant: 'retention',
    file: 'libs/compaction/src/merge.ts',
    find: `rawSources(run, instance.deletedUntil)`,
    replace: `rawSources(run, undefined)`,
    specs: CYCLE,
  },
  {
    name: 'metadata is deleted without the condition',
    invariant: 'retention',
    file: 'libs/log-store/src/metadata-store.ts',
    find: `return await this.store.deleteUnchanged(metadataKey(pod), version.etag, signal);`,
    replace: `await this.store.deleteMany([{ key: metadataKey(pod) }], signal);
      return true;`,
    specs: CYCLE,
  },
  {
    name: 'orphans are deleted whatever their age',
    invariant: 'I5',
    file: 'libs/pod-metadata/src/transitions.ts',
    find: `due: orphans.filter((file) => file.lastModified + orphanAge <= now).map((file) => file.key),`,
    replace: `due: orphans.map((file) => file.key),`,
    specs: CYCLE,
  },
  {
    name: 'orphans are deleted without a commit before',
    invariant: 'I5',
    file: 'libs/compaction/src/cleaner.ts',
    find: `await metadata.commit(pod, version, applyFence(version.metadata, { commitId: randomUUID() }), signal);`,
    replace: `void applyFence; void randomUUID;`,
    specs: CYCLE,
  },
  {
    name: 'a reader does not look again when a file is gone',
    invariant: 'I7',
    file: 'libs/log-store/src/read-records.ts',
    find: `if (!isReplaced(error) || ++vain > REOPENINGS) throw error;`,
    replace: `if (!isReplaced(error) || ++vain > REOPENINGS || vain > 0) throw error;`,
    specs: CYCLE,
  },
  {
    name: 'a reader that looks again goes on by count alone',
    invariant: 'I7',
    file: 'libs/log-store/src/read-position.ts',
    find: `return toSkip < 0 || !endsBefore(file, mark.notBefore);`,
    replace: `void endsBefore; return toSkip < 0;`,
    specs: CYCLE,
  },
  {
    name: 'an upload is repeated with an emptied body',
    invariant: 'I1',
    file: 'libs/log-store/src/s3-direct.ts',
    find: `        const result = await next(args);`,
    replace: `        const again = args.request as HttpRequest;
        if (first !== undefined && again.method === 'PUT') {
          again.body = '';
          again.headers['content-length'] = '0';
        }
        const result = await next(args);`,
    specs: ['libs/log-store/src/'],
  },
  {
    name: 'only the first gzip member is read',
    invariant: 'I8',
    file: 'libs/log-store/src/decompress.ts',
    find: `      for await (const chunk of gunzip(first, input, options)) {`,
    replace: `      const members = await Array.fromAsync(chain(first, input));
      const whole = Buffer.concat(members);
      const second = whole.indexOf(Buffer.from([0x1f, 0x8b, 0x08]), 1);
      const one = second < 0 ? whole : whole.subarray(0, second);
      for await (const chunk of gunzip(one, [][Symbol.iterator]() as never, options)) {`,
    specs: CYCLE,
  },
  {
    name: 'lines taken in bulk are not compared with those that came before',
    invariant: 'I4',
    file: 'libs/log-store/src/deduplicator.ts',
    find: `after: compareInstants(latest, this.latestTracked) > 0 ? latest : this.latestTracked,`,
    replace: `after: { seconds: latest.seconds - 1e9, nanos: 0 },`,
    specs: [BULK],
  },
  {
    name: 'lines taken in bulk are not remembered',
    invariant: 'I4',
    file: 'libs/log-store/src/deduplicator.ts',
    find: `this.tracked.addShown(source, identities, latest);`,
    replace: '',
    specs: [BULK],
  },
  {
    name: 'a line in parts goes unnoticed among lines taken in bulk',
    invariant: 'I1',
    file: 'libs/log-store/src/merged-writer.ts',
    find: `if (this.inside.size > 0) return undefined;`,
    replace: '',
    specs: [BULK],
  },
  {
    name: 'what waits of a piece is read after the piece was freed',
    invariant: 'I1',
    file: 'libs/log-store/src/raw-file.ts',
    find: `if (isPassing) sequencer.detach();`,
    replace: '',
    specs: [String.raw`libs/compaction/src/corpora\.spec`],
  },
  {
    name: '`since` is decided by the date of the file',
    invariant: 'I1',
    file: 'libs/log-store/src/file-range.ts',
    find: `const latest = latestOf([last, firstOrderOf(file), endOrderOf(file)]);`,
    replace: `const latest = firstOrderOf(file); void latestOf; void endOrderOf;`,
    specs: CYCLE,
  },
  {
    name: 'a guarded commit does not compare',
    invariant: 'I10',
    file: 'libs/log-store/src/metadata-store.ts',
    find: `if ((await this.etagOf(pod, signal)) !== before.etag) throw new CommitLostError(pod);`,
    replace: '',
    specs: GUARDED,
  },
  {
    name: 'a guarded commit does not ask whether it still has the lock',
    invariant: 'I10',
    file: 'libs/log-store/src/metadata-store.ts',
    find: `await guarded(this.failure(pod), signal, () => lease.renew());`,
    replace: '',
    specs: GUARDED,
  },
  {
    name: 'a guarded commit is sent after its lease',
    invariant: 'I10',
    file: 'libs/log-store/src/metadata-store.ts',
    find: `if (lease.remainingMs() <= 0) throw runOut();`,
    replace: '',
    specs: GUARDED,
  },
  {
    name: 'commits are never guarded',
    invariant: 'I10',
    file: 'libs/log-store/src/metadata-store.ts',
    find: `if (guard === undefined) return`,
    replace: `return`,
    specs: GUARDED,
  },
  {
    name: 'a lock is given back whoever has it',
    invariant: 'I10',
    file: 'libs/queues/src/commit-locks.ts',
    find: `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`,
    replace: `return redis.call('DEL', KEYS[1])`,
    specs: GUARDED,
  },
  {
    name: 'a copy of another version is taken for the damaged one where conditions are ignored',
    invariant: 'I8',
    file: 'libs/log-store/src/s3-object-store.ts',
    find: `if (ifMatch !== undefined && etag !== ifMatch) {`,
    replace: `if (ifMatch === '') {`,
    specs: GUARDED,
  },
];
