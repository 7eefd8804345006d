import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { formatMinute, formatRawKey } from '@cordwood/s3-key-format';
import { NAMESPACE, POD, START, timeAt } from '../raw-writer.ts';

/**
 * What a program wrote, and the raw objects in which Fluent Bit may deliver it. Made so that the right order of a log is that of its
 * records' times, whenever and how often they are delivered: records of one object lie within seconds, objects begin further from each
 * other than the reorder window, and names of objects never speak against times.
 */

/** A line of the program. Every (instance, slot, part, number) has its own time and text. */
export interface WrittenRecord {
  readonly instance: number;
  /** Seconds after START. */
  readonly second: number;
  /** The line in the text, without its newline. */
  readonly line: string;
  readonly stderr: boolean;
  /** How often the program wrote it, at the same time. */
  readonly times: number;
}

export const INSTANCES = 2;
export const SLOTS = 12;
/** What may be written under the key of an even slot, one after the other. */
export const PARTS = 3;
const RECORDS = 4;
const SLOT_SECONDS = 60;
const PART_SECONDS = 20;

/** One line that makes its raw object too large to be kept in memory by a read, and its text larger than a chunk. */
const LONG = Array.from({ length: 2200 }, (_, i) => createHash('sha256').update(i.toString()).digest('hex')).join('');

const RECORDS_BY_PART = new Map<string, readonly WrittenRecord[]>();

/** The records of a part of a slot: always the same ones. */
export function recordsOf(instance: number, slot: number, part: number): readonly WrittenRecord[] {
  const id = `${instance.toString()}/${slot.toString()}/${part.toString()}`;
  let records = RECORDS_BY_PART.get(id);
  if (records === undefined) {
    records = Array.from({ length: RECORDS }, (_, number) => ({
      instance,
      second: slot * SLOT_SECONDS + part * PART_SECONDS + number * 2,
      line: `instance ${instance.toString()} slot ${slot.toString()} part ${part.toString()} line ${number.toString()}${slot === 4 && part === 0 && number === 1 ? LONG : ''}`,
      stderr: number === 2,
      times: (slot + part + number) % 4 === 0 ? 2 : 1,
    }));
    RECORDS_BY_PART.set(id, records);
  }
  return records;
}

/** Every record there can be, by its line. */
export const RECORDS_BY_LINE: ReadonlyMap<string, WrittenRecord> = new Map(
  Array.from({ length: INSTANCES }, (_, instance) =>
    Array.from({ length: SLOTS }, (__, slot) =>
      Array.from({ length: PARTS }, (___, part) => recordsOf(instance, slot, part)),
    ),
  )
    .flat(3)
    .map((record) => [record.line, record]),
);

export type Format = 'plain' | 'gzip' | 'two members' | 'cut' | 'garbage';

/** A raw object as it is delivered. */
export interface Delivery {
  readonly instance: number;
  readonly slot: number;
  /** A number: that part, under the slot's own key. `copy`: records delivered again, under another key. */
  readonly what: number | 'copy';
  readonly format: Format;
  /** Where it is cut, and how much a copy holds; 0 to 1. */
  readonly share: number;
}

export interface RawUpload {
  readonly key: string;
  readonly format: Format;
  readonly body: Uint8Array;
  /** What can be read of it for certain. */
  readonly certain: readonly WrittenRecord[];
  /** What it may hold beyond: the rest of an object that was cut short. */
  readonly perhaps: readonly WrittenRecord[];
}

export function uploadOf({ instance, slot, what, format, share }: Delivery): RawUpload {
  const key = formatRawKey({
    pod: POD,
    namespace: NAMESPACE,
    container: POD,
    containerId: instance.toString().repeat(64),
    date: formatMinute(START + slot * SLOT_SECONDS),
    // A copy does not claim to follow its original.
    index: (slot * 10 + (what === 'copy' ? Math.floor(share * 5) : 9)).toString(),
    logSuffix: true,
    separator: '__',
  });
  return {
    key,
    format,
    ...bodyOf(what === 'copy' ? copied(instance, slot, share) : recordsOf(instance, slot, what), format, share),
  };
}

/** The beginning of a slot, or a slot and the beginning of the next one: of odd slots, whose keys are not written again. */
function copied(instance: number, slot: number, share: number): readonly WrittenRecord[] {
  const own = recordsOf(instance, slot, 0);
  const all = slot % 2 === 1 && slot + 1 < SLOTS ? [...own, ...recordsOf(instance, slot + 1, 0)] : own;
  return all.slice(0, Math.max(1, Math.ceil(share * all.length)));
}

function bodyOf(
  records: readonly WrittenRecord[],
  format: Format,
  share: number,
): Pick<RawUpload, 'body' | 'certain' | 'perhaps'> {
  const half = Math.ceil(records.length / 2);
  const [head, tail] = [records.slice(0, half), records.slice(half)];
  switch (format) {
    case 'plain':
      return { body: ndjson(records), certain: records, perhaps: [] };
    case 'gzip':
      return { body: gzipSync(ndjson(records)), certain: records, perhaps: [] };
    case 'two members':
      return { body: gzipped(head, tail), certain: records, perhaps: [] };
    case 'cut': {
      const whole = gzipped(head, tail);
      const first = gzipSync(ndjson(head)).length;
      // Not between the members: what is left of two would be one whole member, and no damage.
      const length = Math.max(2, Math.min(whole.length - 1, Math.ceil(share * whole.length)));
      const body = whole.subarray(0, length === first ? length + 1 : length);
      return body.length > first ? { body, certain: head, perhaps: tail } : { body, certain: [], perhaps: head };
    }
    case 'garbage':
      return { body: Buffer.from(`\x1f\x8b no gzip ${share.toString()}`, 'latin1'), certain: [], perhaps: [] };
  }
}

const gzipped = (...members: readonly (readonly WrittenRecord[])[]): Buffer =>
  Buffer.concat(members.map((records) => gzipSync(ndjson(records))));

const ndjson = (records: readonly WrittenRecord[]): Buffer =>
  Buffer.from(
    records
      .map(({ second, line, stderr, times }) =>
        `${JSON.stringify({ time: timeAt(second), stream: stderr ? 'stderr' : 'stdout', logtag: 'F', log: line })}\n`.repeat(
          times,
        ),
      )
      .join(''),
  );
