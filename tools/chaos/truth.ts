/** What was written: the oracle that every read is compared with. Times of the run are ms of `performance.now()`. */

/** One version of a raw object. */
export interface WrittenFile {
  readonly key: string;
  /** When the first attempt to store it began; undefined: not yet. */
  attemptedAt: number | undefined;
  /** When the store had confirmed it. */
  storedAt: number | undefined;
  /** Overwritten before anybody had seen that it was merged: S3 keeps one version, so its records may be gone. */
  mayBeMissing: boolean;
}

/** A message as a reader must show it. */
export interface Message {
  readonly instance: Instance;
  /** Its place in the instance's log. */
  readonly seq: number;
  /** Of its first part: in ms since 1970, and as it was written. */
  readonly time: number;
  readonly timeText: string;
  readonly text: string;
  /** The file of its beginning. */
  readonly file: WrittenFile;
  /** When it goes on in the next file: its text until there, which is what stands as long as that file is not there; and that file. */
  readonly split: { readonly beginning: string; rest: WrittenFile | undefined } | undefined;
}

/** One run of a container. */
export interface Instance {
  readonly pod: string;
  readonly container: string;
  readonly containerId: string;
  /** Its name in messages. */
  readonly label: string;
  /** Time of its first record in ms since 1970, different for all instances of a pod. */
  readonly start: number;
  /** By seq, which is the order of their times. */
  readonly messages: Message[];
}

/** Everything written of one pod. */
export class PodTruth {
  readonly pod: string;
  readonly instances: Instance[] = [];

  constructor(pod: string) {
    this.pod = pod;
  }

  add(instance: Instance): void {
    this.instances.push(instance);
    this.instances.sort((a, b) => a.start - b.start);
  }

  get containers(): string[] {
    return [...new Set(this.instances.map(({ container }) => container))];
  }

  /** In the order in which a whole log has them. */
  messages(container: string): Message[] {
    const wanted = this.instances.filter((instance) => container === '*' || instance.container === container);
    return wanted.flatMap(({ messages }) => messages);
  }

  hasStored(container: string): boolean {
    return this.messages(container).some((message) => isBegun(message, Infinity));
  }

  /** Whether any file was overwritten before it was seen to be merged. */
  hasLost(): boolean {
    return this.messages('*').some(({ file }) => file.mayBeMissing);
  }

  bytes(): number {
    return this.messages('*').reduce((sum, { text }) => sum + text.length, 0);
  }
}

/** Whether a read that began then must show something of the message. */
export const isBegun = ({ file }: Message, at: number): boolean => isFileStored(file, at);

/** Whether it must show the whole of it. */
export const isWhole = ({ file, split }: Message, at: number): boolean =>
  isFileStored(file, at) && (split === undefined || (split.rest !== undefined && isFileStored(split.rest, at)));

const isFileStored = ({ storedAt, mayBeMissing }: WrittenFile, at: number): boolean =>
  storedAt !== undefined && storedAt < at && !mayBeMissing;
