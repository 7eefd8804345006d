import { compareInstants, type LineDecoder, type LogRecord, orderTime } from '@cordwood/log-record';

const NEWLINE = 0x0a;

/** The last record of a block of whole lines, those before it with the same ordering time, and one more. */
export function lastRecords(decoder: LineDecoder, block: Uint8Array): LogRecord[] {
  const records: LogRecord[] = [];
  for (let end = block.length; end > 0;) {
    const start = end < 2 ? 0 : block.lastIndexOf(NEWLINE, end - 2) + 1;
    const [record] = decoder.decodeBlock(block.subarray(start, end));
    const [last] = records;
    if (record !== undefined) records.push(record);
    if (last !== undefined && record !== undefined && compareInstants(orderTime(record), orderTime(last)) !== 0) break;
    end = start;
  }
  return records.toReversed();
}
