import { allRequests, type Usage } from '../store/usage.ts';
import type { Work } from '../life/pod-life.ts';
import type { ScaleFigures } from '../figures.ts';
import type { Table } from '../../report/table.ts';

/** `12.3 (4 LIST, 6 GET, 2 PUT)`. */
export function requestsText(usage: Usage): string {
  const kinds = Object.entries(usage.requests).filter(([, count]) => count > 0);
  const text = kinds.map(([kind, count]) => `${short(count)} ${kind}`).join(', ');
  return text === '' ? '0' : `${short(allRequests(usage))}: ${text}`;
}

const short = (count: number): string => Number(count.toFixed(count < 100 ? 1 : 0)).toString();

/** What was simulated: one row for each kind of pod. */
export function podTables({ classes }: ScaleFigures): Table[] {
  const pod = { key: 'pod', title: 'pod' };
  const total = (of: (work: Work) => number, { life }: ScaleFigures['classes'][number]): number =>
    of(life.merging) + of(life.cleaning) + of(life.sweeping);
  return [
    {
      title: 'Requests of a pod, from its first raw file until nothing is left of it',
      columns: [
        pod,
        { key: 'rawFiles', title: 'raw files' },
        { key: 'merging', title: 'merging' },
        { key: 'cleaning', title: 'cleaning' },
        { key: 'sweeping', title: 'sweeps' },
        { key: 'all', title: 'all' },
        { key: 'perFile', title: 'merging and cleaning, by raw file', digits: 2 },
      ],
      rows: classes.map(({ job, life }) => ({
        pod: job.title,
        rawFiles: life.rawFiles,
        merging: requestsText(life.merging.usage),
        cleaning: requestsText(life.cleaning.usage),
        sweeping: requestsText(life.sweeping.usage),
        all: allRequests(life.merging.usage) + allRequests(life.cleaning.usage) + allRequests(life.sweeping.usage),
        perFile: (allRequests(life.merging.usage) + allRequests(life.cleaning.usage)) / life.rawFiles,
      })),
    },
    {
      title: 'Bytes and time of a pod',
      columns: [
        pod,
        { key: 'rawMb', title: 'raw, MB', digits: 'significant' },
        { key: 'stored', title: 'stored / raw', digits: 3 },
        { key: 'amplification', title: 'written / kept', digits: 2 },
        { key: 'files', title: 'merged files' },
        { key: 'metadata', title: 'metadata, KB', digits: 'significant' },
        { key: 'merges', title: 'merges' },
        { key: 'commits', title: 'commits of these' },
        { key: 'rawMinutes', title: 'a raw byte lies, min', digits: 0 },
        { key: 'cpuMs', title: 'CPU without S3 client, ms', digits: 'significant' },
        { key: 'cpuPerMb', title: '… by raw MB', digits: 'significant' },
        { key: 'waited', title: 'waits for S3, s', digits: 'significant' },
      ],
      rows: classes.map((figures) => {
        const { job, life } = figures;
        const cpuMs = total((work) => work.cpuMs, figures);
        return {
          pod: job.title,
          rawMb: life.rawBytes / 1e6,
          stored: life.log.storedBytes / life.rawBytes,
          amplification: life.writtenBytes / life.log.storedBytes,
          files: life.log.files,
          metadata: life.log.metadataBytes / 1e3,
          merges: life.merging.jobs,
          commits: life.commits,
          rawMinutes: life.residence.rawByteMs / life.rawBytes / 60_000,
          cpuMs,
          cpuPerMb: cpuMs / (life.rawBytes / 1e6),
          waited: total((work) => work.waitedMs, figures) / 1e3,
        };
      }),
    },
    {
      title: 'Reading a merged log',
      columns: [
        pod,
        { key: 'whole', title: 'whole: requests' },
        { key: 'firstByte', title: 'first message, ms', digits: 0 },
        { key: 'wholeMs', title: 'last, ms', digits: 0 },
        { key: 'tail', title: 'last 100 messages: requests' },
        { key: 'tailMs', title: 'last, ms', digits: 0 },
        { key: 'tailKb', title: 'KB fetched', digits: 'significant' },
      ],
      rows: classes.map(({ job, whole, tail }) => ({
        pod: job.title,
        whole: requestsText(whole.usage),
        firstByte: whole.firstByteMs,
        wholeMs: whole.wholeMs,
        tail: requestsText(tail.usage),
        tailMs: tail.wholeMs,
        tailKb: tail.usage.bytesDown / 1e3,
      })),
    },
  ];
}
