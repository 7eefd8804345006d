/** A range of media types of the header Accept, and how much it is wanted. */
interface Wanted {
  readonly type: string;
  readonly subtype: string;
  readonly quality: number;
}

/**
 * Which of the types that we offer a client would like best, by its header Accept; the first of equals. Undefined: it takes none of them.
 * Without the header it takes anything. What is malformed in the header counts as not there.
 */
export function negotiate<Type extends string>(accept: string | undefined, offered: readonly Type[]): Type | undefined {
  if (accept === undefined || accept.trim() === '') return offered[0];
  const wanted = accept.split(',').flatMap((range) => parseRange(range) ?? []);
  const rated = offered
    .map((type) => ({ type, quality: qualityOf(type, wanted) }))
    .filter(({ quality }) => quality > 0);
  return rated.reduce<(typeof rated)[number] | undefined>(
    (best, each) => (best === undefined || each.quality > best.quality ? each : best),
    undefined,
  )?.type;
}

/** Whether a client takes a content coding, by its header Accept-Encoding. */
export function acceptsEncoding(accept: string | undefined, coding: string): boolean {
  const codings = (accept ?? '').split(',').map((each) => {
    const [name = '', ...parameters] = each.split(';').map((part) => part.trim().toLowerCase());
    return { name, quality: qualityIn(parameters) };
  });
  const found = codings.find(({ name }) => name === coding) ?? codings.find(({ name }) => name === '*');
  return found !== undefined && found.quality > 0;
}

function parseRange(range: string): Wanted | undefined {
  const [name = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
  const [, type, subtype] = /^([^\s/]+)\/([^\s/]+)$/.exec(name) ?? [];
  if (type === undefined || subtype === undefined) return undefined;
  return { type, subtype, quality: qualityIn(parameters) };
}

function qualityIn(parameters: readonly string[]): number {
  const given = parameters.find((parameter) => parameter.startsWith('q='));
  if (given === undefined) return 1;
  const quality = Number(given.slice(2));
  return quality >= 0 && quality <= 1 ? quality : 0;
}

/** By the most specific range that fits. */
function qualityOf(offered: string, wanted: readonly Wanted[]): number {
  const [type = '', subtype = ''] = offered.split('/');
  const fitting = (ofType: string, ofSubtype: string) =>
    wanted.find((each) => each.type === ofType && each.subtype === ofSubtype);
  return (fitting(type, subtype) ?? fitting(type, '*') ?? fitting('*', '*'))?.quality ?? 0;
}
