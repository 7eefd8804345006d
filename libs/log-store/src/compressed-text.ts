import { constants, crc32, createDeflateRaw, type DeflateRaw } from 'node:zlib';
import { crcOfJoined } from './crc32.ts';

/**
 * zlib's settings for merged files. What repeats in logs repeats soon: with a small window zlib looks at fewer and nearer places for it, and
 * level 5 takes little more time than level 4 with the largest one, for fewer bytes (docs/adr/0015 has the figures).
 */
const DEFLATE = { level: 5, memLevel: 9, windowBits: 13 };
/** Bytes of text that are compressed in one go: while one piece is, the next one is filled. */
const PIECE = 256 * 1024;
/** The first piece; most texts are short. */
const FIRST_PIECE = 16 * 1024;
const NOTHING = Buffer.alloc(0);
/** Output comes in buffers of this size. */
const OUTPUT = 64 * 1024;

/** A text compressed by itself: it can stand anywhere in a gzip member, see {@link gzipMember}. */
export interface Compressed {
  /** Deflate blocks up to a byte's end, none of which is the last. */
  readonly blocks: readonly Uint8Array[];
  /** Bytes of the text. */
  readonly size: number;
  /** Its CRC-32. */
  readonly crc: number;
}

/**
 * A text that is compressed as it is written, by a thread beside: of a text of any length, two pieces are in memory, and what they become. To be
 * filled in place: what {@link bytes} has from {@link end} on is free for as many bytes as {@link hasRoom} grants.
 */
export class CompressedText {
  /** The piece being filled. */
  bytes: Buffer = NOTHING;
  /** Where its free part begins. */
  end = 0;
  /** Bytes of the pieces before. */
  private before = 0;
  private crc = 0;
  /** The piece before, when it may be filled again. */
  private spare: Buffer | undefined;
  private readonly blocks: Uint8Array[] = [];
  /** Made when it is needed: it takes hundreds of KiB. */
  private deflate: DeflateRaw | undefined;
  /** Settled when the pieces so far have been compressed. */
  private compressing: Promise<void> = Promise.resolve();

  /** Bytes of the text so far. */
  get size(): number {
    return this.before + this.end;
  }

  hasRoom(bytes: number): boolean {
    return this.end + bytes <= this.bytes.length;
  }

  /** Makes room for so many bytes, however many; waits until the piece before is compressed. */
  async makeRoom(bytes: number): Promise<void> {
    const { length } = this.bytes;
    if (length < PIECE && this.end + bytes <= PIECE) {
      const grown = Buffer.allocUnsafe(Math.min(PIECE, Math.max(FIRST_PIECE, length * 4, this.end + bytes)));
      this.bytes.copy(grown, 0, 0, this.end);
      this.bytes = grown;
      return;
    }
    const filled = this.bytes;
    await this.compressPiece();
    const { spare } = this;
    this.spare = filled.length === PIECE ? filled : undefined;
    this.bytes = spare !== undefined && bytes <= PIECE ? spare : Buffer.allocUnsafe(Math.max(PIECE, bytes));
  }

  /** Adds bytes, which must not change any more. */
  async add(bytes: Uint8Array): Promise<void> {
    if (this.end > 0) await this.makeRoom(PIECE);
    await this.compress(bytes);
  }

  /** The text, once all of it is compressed. Nothing can be added any more. */
  async finish(): Promise<Compressed> {
    if (this.end > 0) await this.compressPiece();
    await this.compressing;
    const { deflate } = this;
    if (deflate !== undefined) await new Promise((resolve) => deflate.once('end', resolve).end());
    return { blocks: this.blocks, size: this.before, crc: this.crc };
  }

  private async compressPiece(): Promise<void> {
    const piece = this.bytes.subarray(0, this.end);
    this.end = 0;
    await this.compress(piece);
  }

  /** Resolves when the pieces before have been compressed. */
  private async compress(piece: Uint8Array): Promise<void> {
    this.before += piece.length;
    this.crc = crc32(piece, this.crc);
    const deflate = (this.deflate ??= this.openDeflate());
    const before = this.compressing;
    this.compressing = new Promise((resolve) => deflate.write(piece, () => resolve()));
    await before;
  }

  private openDeflate(): DeflateRaw {
    // With whole blocks at its end, and none that is the last. Compressing cannot fail: an error is one of this program.
    const deflate = createDeflateRaw({ ...DEFLATE, chunkSize: OUTPUT, finishFlush: constants.Z_SYNC_FLUSH });
    return deflate.on('data', (block: Uint8Array) => this.blocks.push(block));
  }
}

/** Magic number, deflate, no flags, no time, no extra flags, a system that is not known. */
const HEADER = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255);
/** An empty block with fixed codes, the last one. */
const LAST_BLOCK = Uint8Array.of(3, 0);

/** One gzip member with these texts, one after the other. */
export function gzipMember(texts: readonly Compressed[]): Buffer {
  const { crc, size } = texts.reduce((joined, text) => ({
    blocks: [],
    crc: crcOfJoined(joined.crc, text.crc, text.size),
    size: joined.size + text.size,
  }));
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc, 0);
  trailer.writeUInt32LE(size % 2 ** 32, 4);
  return Buffer.concat([HEADER, ...texts.flatMap(({ blocks }) => blocks), LAST_BLOCK, trailer]);
}
