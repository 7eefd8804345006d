import type { Health, Logger } from '@cordwood/service';
import type { Config } from '../config.ts';
import { basicAccess } from './basic.ts';
import type { Failures } from './failures.ts';
import { oidcAccess } from './oidc.ts';
import { createSealed } from './sealed.ts';
import { readSecret, requireLength } from './secret.ts';
import { type Access, openAccess } from './user.ts';

export interface CreateAccessOptions {
  readonly config: Config;
  readonly failures: Failures;
  readonly health: Health;
  readonly logger: Logger;
}

/** As AUTH_MODE says. @throws Error when a secret cannot be read, or is too short */
export async function createAccess({ config, failures, health, logger }: CreateAccessOptions): Promise<Access> {
  switch (config.AUTH_MODE) {
    case 'basic': {
      const password = await readSecret(config.BASIC_AUTH_PASSWORD, config.BASIC_AUTH_PASSWORD_FILE);
      return basicAccess({
        user: config.BASIC_AUTH_USER,
        password: requireLength(password ?? '', 'BASIC_AUTH_PASSWORD', 12),
        failures,
        logger,
      });
    }
    case 'oidc': {
      const secret = await readSecret(config.SESSION_SECRET, config.SESSION_SECRET_FILE);
      if (secret !== undefined) requireLength(secret, 'SESSION_SECRET', 32);
      return oidcAccess({
        // The configuration's rules see to these.
        issuer: config.OIDC_ISSUER ?? '',
        clientId: config.OIDC_CLIENT_ID ?? '',
        publicUrl: (config.PUBLIC_URL ?? '').replace(/\/+$/, ''),
        clientSecret: await readSecret(config.OIDC_CLIENT_SECRET, config.OIDC_CLIENT_SECRET_FILE),
        scope: config.OIDC_SCOPE,
        groupsClaim: config.OIDC_GROUPS_CLAIM,
        allowedGroups: config.OIDC_ALLOWED_GROUPS?.split(',').map((group) => group.trim()),
        basePath: config.BASE_PATH,
        sessionMs: config.SESSION_DURATION,
        sealed: createSealed(secret),
        failures,
        health,
        logger,
      });
    }
    case 'none':
    case undefined:
      return openAccess;
  }
}
