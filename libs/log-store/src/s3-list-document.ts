import type { ObjectInfo } from './object-store.ts';

/** What an answer to ListObjectsV2 tells, as it stands there: keys may be encoded, ETags have their quotes. */
export interface ListDocument {
  readonly objects: readonly ObjectInfo[];
  readonly prefixes: readonly string[];
  readonly isUrlEncoded: boolean;
  readonly isTruncated: boolean;
  readonly nextToken: string | undefined;
}

const BEGIN = /^(?:<\?xml [^<>?]*\?>)?[ \t\n]*<(ListBucketResult)(?: xmlns="[^"<>&]*")?>([^<\r]*)/;
/** A tag without attributes, and the text up to the next one. */
const TAG = /<(\/?)([A-Za-z]\w*)(\/?)>([^<\r]*)/y;
/** What may stand between elements. */
const BLANK = /^(?:[ \t]*\n[ \t\n]*)?$/;
/** Or an ampersand that begins none. */
const ENTITY = /&(?:(amp|lt|gt|quot|apos)|#(\d{1,5})|#x([\da-fA-F]{1,4}));|&/g;
const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
const TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?Z$/;

/** What is read, by where it stands. All else is passed over. */
const WANTED: Readonly<Record<string, readonly string[]>> = {
  ListBucketResult: ['EncodingType', 'IsTruncated', 'NextContinuationToken'],
  Contents: ['Key', 'ETag', 'Size', 'LastModified'],
  CommonPrefixes: ['Prefix'],
};
/** What may hold elements. */
const HOLDERS = new Set(['ListBucketResult', 'Contents', 'CommonPrefixes', 'Owner', 'RestoreStatus']);
const isEntry = (name: string): boolean => name === 'Contents' || name === 'CommonPrefixes';

/** Anything that the reader has no rule for. */
class Unusual extends Error {}

/**
 * Reads the document as stores write it: elements that hold either text or other elements, no attributes, no comments, all that is wanted of an object.
 * Undefined when there is anything else about it: then it is for a parser that knows all of XML.
 */
export function readListDocument(text: string): ListDocument | undefined {
  try {
    return new Reader(text).read();
  } catch (error) {
    if (error instanceof Unusual) return undefined;
    throw error;
  }
}

class Reader {
  private readonly text: string;
  /** Names of the elements that are open. */
  private readonly path: string[] = [];
  /** What stands directly in the document, and in the entry that is open. */
  private readonly top = new Map<string, string>();
  private entry = new Map<string, string>();
  private readonly objects: ObjectInfo[] = [];
  private readonly prefixes: string[] = [];

  constructor(text: string) {
    this.text = text;
  }

  read(): ListDocument {
    const [begin, root, first] = BEGIN.exec(this.text) ?? [];
    if (begin === undefined || root === undefined) throw new Unusual();
    this.path.push(root);
    // Of the element that was just opened; undefined once something has been closed in it.
    let content = first;
    TAG.lastIndex = begin.length;
    while (this.path.length > 0) {
      const [, slash, name = '', closed, after = ''] = TAG.exec(this.text) ?? [];
      if (name === '') throw new Unusual();
      if (slash === '') {
        if (!isBlank(content ?? '')) throw new Unusual();
        this.begin(name);
        content = after;
        if (closed === '') continue;
      } else if (closed !== '' || this.path.at(-1) !== name) throw new Unusual();
      this.end(slash === '' ? '' : content);
      content = undefined;
      if (!isBlank(after)) throw new Unusual();
    }
    // A regular expression begins anew where it has failed.
    if (TAG.lastIndex !== this.text.length) throw new Unusual();
    return this.document();
  }

  private begin(name: string): void {
    if (!HOLDERS.has(this.path.at(-1) ?? '')) throw new Unusual();
    this.path.push(name);
  }

  /** Ends the element that was opened last. `text`: what it holds, if it holds no elements. */
  private end(text: string | undefined): void {
    const name = this.path.pop() ?? '';
    const depth = this.path.length;
    if (depth === 1 && isEntry(name)) {
      if (name === 'Contents') this.objects.push(objectOf(this.entry));
      else this.prefixes.push(valueOf(this.entry, 'Prefix'));
      this.entry = new Map();
    } else if (this.isWanted(depth, name)) {
      const values = depth === 1 ? this.top : this.entry;
      if (text === undefined || values.has(name)) throw new Unusual();
      values.set(name, decoded(text));
    }
  }

  /** Whether an element of this name is, as a child of the first `depth` elements of the path. */
  private isWanted(depth: number, name: string): boolean {
    const parent = this.path[depth - 1] ?? '';
    return (depth === 1 || (depth === 2 && isEntry(parent))) && (WANTED[parent]?.includes(name) ?? false);
  }

  private document(): ListDocument {
    const isTruncated = this.top.get('IsTruncated') ?? 'false';
    if (isTruncated !== 'true' && isTruncated !== 'false') throw new Unusual();
    return {
      objects: this.objects,
      prefixes: this.prefixes,
      isUrlEncoded: this.top.get('EncodingType') === 'url',
      isTruncated: isTruncated === 'true',
      nextToken: this.top.get('NextContinuationToken'),
    };
  }
}

const isBlank = (text: string): boolean => text === '' || BLANK.test(text);

function valueOf(values: ReadonlyMap<string, string>, name: string): string {
  const value = values.get(name);
  if (value === undefined) throw new Unusual();
  return value;
}

function objectOf(values: ReadonlyMap<string, string>): ObjectInfo {
  const size = valueOf(values, 'Size');
  if (!/^\d{1,15}$/.test(size)) throw new Unusual();
  return {
    key: valueOf(values, 'Key'),
    etag: valueOf(values, 'ETag'),
    size: Number(size),
    lastModified: timeOf(valueOf(values, 'LastModified')),
  };
}

/** Rounded to ms. */
function timeOf(text: string): number {
  const [, seconds = '', fraction = '0'] = TIME.exec(text) ?? [];
  const time = Date.parse(`${seconds}Z`);
  if (Number.isNaN(time)) throw new Unusual();
  return time + Math.round(Number(fraction) * 1000);
}

function decoded(text: string): string {
  // Line breaks alone are taken for none.
  if (text !== '' && BLANK.test(text)) throw new Unusual();
  if (!text.includes('&')) return text;
  return text.replace(
    ENTITY,
    (all, named: string | undefined, decimal: string | undefined, hex: string | undefined) => {
      if (all === '&') throw new Unusual();
      if (named !== undefined) return NAMED[named] ?? '';
      return String.fromCharCode(decimal !== undefined ? Number(decimal) : parseInt(hex ?? '', 16));
    },
  );
}
