export { LineDecoder } from './decode-line.ts';
export type { LineFormat, OddLines } from './line-format.ts';
export { encodeMerged, maxMergedLength, maxMessageLength, messageLength, writeMessage, writeTime } from './encode.ts';
export { recordIdentity, textHash } from './identity.ts';
export { detachedRecord, detachedRecords, joinParts } from './joined.ts';
export { LeadingLines, type Unneeded } from './leading-lines.ts';
export { LineBlocks, wholeLines } from './line-blocks.ts';
export {
  type EndedStreams,
  type PlainMerged,
  plainMerged,
  plainMergedText,
  type PlainRange,
  type PlainRaw,
  plainRawText,
  type PlainText,
} from './plain-lines.ts';
export { isMisdated, RawSequencer } from './raw-sequencer.ts';
export { isOrdered, isTimed, type LogRecord, orderTime, type Part, recordTime } from './record.ts';
export { compareInstants, formatTime, type Instant, parseTime, shiftInstant, TimeReader } from './time.ts';
