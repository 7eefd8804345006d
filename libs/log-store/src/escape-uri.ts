/** Text as S3 signs and takes it in paths and queries: everything but letters, digits and `-._~` is escaped. */
export const escapeUri = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
