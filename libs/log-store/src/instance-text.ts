import type { LogRecord } from '@cordwood/log-record';
import type { ContainerInstance } from './instances.ts';
import type { InstanceMessagesOptions } from './instance-messages.ts';
import { MessageAssembler } from './message-assembler.ts';
import type { InstanceName } from './messages.ts';
import type { RawFile } from './raw-file.ts';
import { readRecords } from './read-records.ts';
import type { TextOptions } from './text-pieces.ts';

/** Consecutive messages of one container instance: as records, or as they are shown, a line each. At least one. */
export type ShownMessages = { readonly instance: InstanceName } & (
  { readonly messages: LogRecord[] } | { readonly text: Uint8Array }
);

/** All messages of one container instance, in order, as text where they can be had so. They have no marks: nothing is counted. */
export async function* instanceText(
  options: InstanceMessagesOptions,
  instance: ContainerInstance<RawFile>,
  text: TextOptions,
  signal: AbortSignal | undefined,
): AsyncGenerator<ShownMessages> {
  const assembler = new MessageAssembler(options.maxMessage);
  const range = {
    text,
    onBegin: () => assembler.begin([]),
    isInside: () => assembler.isInside,
    isJoining: () => assembler.isInside,
  };
  for await (const read of readRecords(options, instance, range, signal)) {
    // A whole line stands where it is, whatever lines in parts are not joined yet.
    if ('piece' in read) yield { instance, text: read.piece.made };
    else {
      const messages = assembler.push(read.records, read.run);
      if (messages.length > 0) yield { instance, messages };
    }
  }
  const rest = assembler.end();
  if (rest.length > 0) yield { instance, messages: rest };
}
