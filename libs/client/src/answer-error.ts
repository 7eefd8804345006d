import type { ApiErrorCode } from './api-types.ts';
import { CordwoodError } from './errors.ts';

/** An answer that is no success, as an error. Reads its body; never rejects. */
export async function errorOf(response: Response): Promise<CordwoodError> {
  const { status } = response;
  const retryAfterMs = parseRetryAfter(response.headers.get('retry-after'), response.headers.get('date'));
  const text = await response.text().catch(() => '');
  const error = parseError(text);
  if (error !== undefined) return new CordwoodError(error.code, error.message, { status, retryAfterMs });
  const shown = text.slice(0, 200).trim();
  const message = `${status} ${response.statusText}${shown === '' ? '' : `: ${shown}`}`;
  return new CordwoodError('unexpected_answer', message, { status, retryAfterMs });
}

/** The body of an error of the API; undefined for anything else. */
function parseError(text: string): { readonly code: ApiErrorCode; readonly message: string } | undefined {
  try {
    const { error } = JSON.parse(text) as { error?: { code?: unknown; message?: unknown } };
    if (typeof error?.code !== 'string' || typeof error.message !== 'string') return undefined;
    return { code: error.code as ApiErrorCode, message: error.message };
  } catch {
    return undefined;
  }
}

/** In ms. Seconds, or a date, which is measured by the clock that wrote it. */
export function parseRetryAfter(value: string | null, date: string | null): number | undefined {
  if (value === null) return undefined;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value) * 1000;
  const until = Date.parse(value);
  const now = date === null ? NaN : Date.parse(date);
  if (Number.isNaN(until)) return undefined;
  return Math.max(0, until - (Number.isNaN(now) ? Date.now() : now));
}
