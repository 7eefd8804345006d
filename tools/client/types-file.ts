import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { clientTypes, type TypedDocument } from './types.ts';

export const TYPES_FILE = join(import.meta.dirname, '../../libs/client/src/api-types.ts');

/** What TYPES_FILE is to hold. */
export const typesFile = async (document: TypedDocument): Promise<string> =>
  format(clientTypes(document), { ...(await resolveConfig(TYPES_FILE)), filepath: TYPES_FILE });
