import { hkdfSync, randomBytes } from 'node:crypto';
import { EncryptJWT, errors, jwtDecrypt, type JWTPayload } from 'jose';

/** Values that a browser keeps for us and can neither read nor change: encrypted JWTs, each good for one purpose and for a while. */
export interface Sealed {
  seal(purpose: string, payload: JWTPayload, forMs: number): Promise<string>;
  /** Undefined: not ours, for another purpose, or too old. */
  open(purpose: string, token: string): Promise<JWTPayload | undefined>;
}

/** `secret`: what replicas share; undefined: a random one, which ends with the process. */
export function createSealed(secret: string | undefined): Sealed {
  const material = secret === undefined ? randomBytes(32) : Buffer.from(secret);
  const key = new Uint8Array(hkdfSync('sha256', material, '', 'cordwood queue-dashboard cookies', 32));
  return {
    seal: (purpose, payload, forMs) =>
      new EncryptJWT(payload)
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
        .setAudience(purpose)
        .setExpirationTime(new Date(Date.now() + forMs))
        .encrypt(key),
    open: async (purpose, token) => {
      try {
        const { payload } = await jwtDecrypt(token, key, {
          audience: purpose,
          requiredClaims: ['exp'],
          keyManagementAlgorithms: ['dir'],
          contentEncryptionAlgorithms: ['A256GCM'],
        });
        return payload;
      } catch (error) {
        if (error instanceof errors.JOSEError) return undefined;
        throw error;
      }
    },
  };
}
