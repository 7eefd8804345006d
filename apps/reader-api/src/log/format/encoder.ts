import type { LogEvent, LogMessages } from '@cordwood/live-log';
import type { ApiError } from '../../errors/catalogue.ts';
import type { ChunkWriter } from './chunk-writer.ts';

export type LogGap = Extract<LogEvent, { readonly kind: 'gap' }>;

/** How a log, or a page of it, ended. */
export interface LogEnd {
  /** To go on after the last message; null when nothing can follow any more, or there was no message yet. */
  readonly cursor: string | null;
  /** Whether more messages are there right now: the page was full. */
  readonly hasMore: boolean;
  /** `complete`: the log is over. `caught_up`: it may grow. `page`: `limit`, or the size of a page, was reached. */
  readonly reason: 'complete' | 'caught_up' | 'page';
}

/** Writes a log in one format. All of it goes into the writer that the encoder was made with. */
export interface LogEncoder {
  /** Messages `from` to `to` (exclusive) of the event. */
  messages(event: LogMessages, from: number, to: number): void;
  /** What follows comes from Kubernetes. */
  live(): void;
  /** Messages may be missing here. */
  gap(event: LogGap): void;
  /** Nothing follows. */
  end(end: LogEnd): void;
  /** Before anything else. */
  begin?(): void;
  /** The log breaks off here. */
  failed?(error: ApiError): void;
  /** To be sent while nothing else is. */
  heartbeat?(): void;
}

export type EncoderOf = (writer: ChunkWriter) => LogEncoder;
