import type { ServerResponse } from 'node:http';
import type { OpenBody } from './files.ts';

/** What a handler answers with; the server turns it into HTTP. */
export interface S3Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text (XML), or a part of an object's bytes. */
  readonly body?: string | { readonly open: OpenBody; readonly start: number; readonly end: number };
}

const PIECE = 1024 * 1024;

/** Writes the answer out, large bodies piece by piece as the client takes them. */
export async function writeAnswer(response: ServerResponse, answer: S3Answer, headOnly: boolean): Promise<void> {
  const { body } = answer;
  if (body === undefined || typeof body === 'string') {
    const text = Buffer.from(body ?? '');
    const length = headOnly || answer.status === 204 || answer.status === 304 ? {} : { 'content-length': text.length };
    response.writeHead(answer.status, { ...length, ...answer.headers });
    response.end(headOnly ? undefined : text);
    return;
  }
  try {
    response.writeHead(answer.status, { ...answer.headers, 'content-length': body.end - body.start });
    for (let at = body.start; at < body.end && !response.destroyed; at += PIECE) {
      const piece = await body.open.read(at, Math.min(at + PIECE, body.end));
      if (!response.write(piece)) await drained(response);
    }
    response.end();
  } finally {
    await body.open.close();
  }
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
    // A client that has left already is announced no more.
    if (response.destroyed) done();
  });
}

/** An element with text or ready-made elements in it. */
export function element(name: string, content: string | number | boolean): string {
  return `<${name}>${escapeXml(String(content))}</${name}>`;
}

/** A whole document: `children` is XML already. S3's errors alone carry no namespace. */
export function xml(root: string, children: string, status = 200): S3Answer {
  const namespace = root === 'Error' ? '' : ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"';
  const text = `<?xml version="1.0" encoding="UTF-8"?>\n<${root}${namespace}>${children}</${root}>`;
  return { status, headers: { 'content-type': 'application/xml' }, body: text };
}

function escapeXml(text: string): string {
  // Control characters have no proper form in XML 1.0; S3 writes these references nevertheless.
  return text.replace(/[&<>"'\u0000-\u001f]/g, (character) => `&#x${character.charCodeAt(0).toString(16)};`);
}

/** The text of every such element of a small, trusted document (requests of SDKs), unescaped. */
export function textsOf(document: string, name: string): string[] {
  const pattern = new RegExp(`<${name}(?: [^>]*)?>([^<]*)</${name}>`, 'g');
  return Array.from(document.matchAll(pattern), ([, text = '']) => unescapeXml(text));
}

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescapeXml(text: string): string {
  return text.replace(
    /&(?:#x([0-9a-f]+)|#([0-9]+)|([a-z]+));/gi,
    (whole, hex?: string, decimal?: string, name?: string) => {
      if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
      if (decimal !== undefined) return String.fromCodePoint(Number.parseInt(decimal, 10));
      return NAMED[name ?? ''] ?? whole;
    },
  );
}
