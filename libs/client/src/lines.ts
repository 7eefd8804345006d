/**
 * The lines of a text that comes in pieces, without their ends (LF, CR LF or CR). What follows the last end is no line: `rest` has it once
 * all is read.
 */
export class LineSplitter {
  #rest = '';
  /** The piece before ended in CR: a LF that follows belongs to it. */
  #afterReturn = false;

  get rest(): string {
    return this.#rest;
  }

  *push(piece: string): Generator<string> {
    let text = piece;
    if (text === '') return;
    if (this.#afterReturn && text.startsWith('\n')) text = text.slice(1);
    this.#afterReturn = false;
    let start = 0;
    const ends = /\r\n|\n|\r/g;
    for (let end = ends.exec(text); end !== null; end = ends.exec(text)) {
      const line = this.#rest + text.slice(start, end.index);
      this.#rest = '';
      start = ends.lastIndex;
      if (end[0] === '\r' && start === text.length) this.#afterReturn = true;
      yield line;
    }
    this.#rest += text.slice(start);
  }
}
