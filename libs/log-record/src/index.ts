export { LineDecoder } from './decode-line.ts';
export type { LineFormat, OddLines } from './line-format.ts';
export { encodeMerged, maxMergedLength, maxMessageLength, writeMessage, writeTime } from './encode.ts';
export { recordIdentity } from './identity.ts';
export { LineBlocks } from './line-blocks.ts';
export { isMisdated, RawSequencer } from './raw-sequencer.ts';
export { isOrdered, isTimed, type LogRecord, orderTime, type Part, recordTime } from './record.ts';
export { compareInstants, formatTime, type Instant, parseTime, shiftInstant, TimeReader } from './time.ts';
