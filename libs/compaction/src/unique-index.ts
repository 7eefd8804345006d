import { randomBytes } from 'node:crypto';

/** 96 random bits as decimal digits: no two files ever get the same key. */
export const uniqueIndex = (): string => BigInt(`0x${randomBytes(12).toString('hex')}`).toString();
