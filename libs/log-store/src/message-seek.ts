import { type LogRecord, textHash } from '@cordwood/log-record';
import type { MessageMark } from './messages.ts';

/** A message among those of one time. */
interface Place {
  readonly nth: number;
  readonly sameText: boolean;
}

/**
 * Finds a marked message again among all messages of its instance. Messages that were inserted may have come before it: so it is the
 * first with its time and text that is not earlier among those of its time. Where there is none, another one stands for it, which is
 * known at the end only ({@link instead}).
 */
export class MessageSeek {
  readonly mark: MessageMark;
  /** A message that was chosen `instead`: this one and no other. */
  private readonly exact: Place | undefined;
  private next: Place | undefined;
  found = false;
  /** Whether the message itself is skipped too. */
  private readonly inclusive: boolean;

  constructor(mark: MessageMark, { inclusive = true, exact }: { inclusive?: boolean; exact?: Place | undefined } = {}) {
    this.mark = mark;
    this.inclusive = inclusive;
    this.exact = exact;
  }

  /** How many of the messages stand before what is sought; all of them as long as it is not found. */
  skip(messages: readonly LogRecord[], nths: ArrayLike<number> | undefined): number {
    if (this.found) return 0;
    const { seconds, nanos } = this.mark.time;
    for (let index = 0; index < messages.length; index++) {
      const message = messages[index];
      if (message === undefined) break;
      const untimed = Number.isNaN(message.seconds);
      if ((untimed ? message.orderSeconds : message.seconds) !== seconds) continue;
      if ((untimed ? message.orderNanos : message.nanos) !== nanos) continue;
      if (this.isIt({ nth: nths?.[index] ?? 1, sameText: textHash(message) === this.mark.hash })) {
        this.found = true;
        return this.inclusive ? index + 1 : index;
      }
    }
    return messages.length;
  }

  /**
   * For when the message is not found: the last one with its time and text (messages before it are gone), else the one in its
   * place (its text was told in other bytes). Undefined when there is none of its time up to that place.
   */
  get instead(): MessageSeek | undefined {
    return this.next === undefined
      ? undefined
      : new MessageSeek(this.mark, { inclusive: this.inclusive, exact: this.next });
  }

  private isIt(place: Place): boolean {
    const { mark, exact, next } = this;
    if (exact !== undefined) return place.nth === exact.nth && place.sameText === exact.sameText;
    if (place.nth >= mark.nth && place.sameText) return true;
    if (place.nth <= mark.nth && (next === undefined || place.sameText || !next.sameText)) this.next = place;
    return false;
  }
}
