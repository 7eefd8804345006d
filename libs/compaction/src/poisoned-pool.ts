import { BufferPool } from '@cordwood/log-store';

/** For specs: what is given back is overwritten at once, so that whoever still reads it is found out. */
export class PoisonedPool extends BufferPool {
  constructor() {
    super(1024 * 1024);
  }

  override give(buffer: Buffer): void {
    super.give(buffer.fill('}'));
  }
}
