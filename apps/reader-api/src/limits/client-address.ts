import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { ipKeyGenerator } from 'express-rate-limit';

/**
 * Where a request comes from, as limits count it: an IPv4 address, or the /56 of an IPv6 address, which is one household's. `proxies`
 * (TRUST_PROXY) is the number of proxies before us, each of which appends to X-Forwarded-For: what stands before theirs anybody may have written.
 */
export function clientAddress({ headers, socket }: IncomingMessage, proxies: number): string {
  const forwarded = headers['x-forwarded-for'];
  const list = (typeof forwarded === 'string' ? forwarded : (forwarded ?? []).join())
    .split(',')
    .map((each) => each.trim());
  const ways = [...list.filter((each) => each !== ''), socket.remoteAddress ?? ''];
  const address = ways[Math.max(0, ways.length - 1 - proxies)] ?? '';
  const known = isIP(address) === 0 ? (socket.remoteAddress ?? '') : address;
  return isIP(known) === 0 ? 'unknown' : ipKeyGenerator(known);
}
