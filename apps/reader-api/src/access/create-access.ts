import type { Kube } from '@cordwood/kube';
import type { CheckDetails } from '@cordwood/service';
import type { ReaderConfig } from '../config.ts';
import { type Access, OPEN_ACCESS } from './caller.ts';
import { KubernetesAccess } from './kubernetes-access.ts';
import { OidcAccess } from './oidc-access.ts';
import { OidcKeys } from './oidc-keys.ts';

/** How callers are told apart. */
export interface ConfiguredAccess {
  readonly access: Access;
  /** What /readyz tells of it. */
  readonly details: () => CheckDetails;
}

type AccessConfig = Pick<
  ReaderConfig,
  | 'AUTH_MODE'
  | `OIDC_${'ISSUER' | 'AUDIENCE' | 'CLOCK_TOLERANCE' | 'KEYS_COOLDOWN' | `${'USERNAME' | 'NAMESPACES' | 'JOBS' | 'DELETE'}_CLAIM`}`
>;

/**
 * By AUTH_MODE. `kube` is undefined where Kubernetes is not to be used: then AUTH_MODE=kubernetes throws an Error. An issuer that is away does not
 * hold up the start.
 */
export function createAccess(config: AccessConfig, kube: Kube | undefined): ConfiguredAccess {
  switch (config.AUTH_MODE) {
    case undefined:
      return { access: OPEN_ACCESS, details: () => ({ mode: 'none, on loopback addresses only' }) };
    case 'none':
      return { access: OPEN_ACCESS, details: () => ({ mode: 'none' }) };
    case 'kubernetes': {
      if (kube === undefined) {
        throw new Error('AUTH_MODE=kubernetes needs Kubernetes, and there is neither a service account nor KUBECONFIG');
      }
      return { access: new KubernetesAccess(kube), details: () => ({ mode: 'kubernetes' }) };
    }
    case 'oidc': {
      const { OIDC_ISSUER: issuer = '', OIDC_AUDIENCE: audience = '' } = config;
      const keys = new OidcKeys({ issuer, cooldownMs: config.OIDC_KEYS_COOLDOWN });
      void keys.warmUp();
      const access = new OidcAccess({
        keys,
        issuer,
        audience,
        clockToleranceMs: config.OIDC_CLOCK_TOLERANCE,
        claims: {
          username: config.OIDC_USERNAME_CLAIM,
          namespaces: config.OIDC_NAMESPACES_CLAIM,
          jobs: config.OIDC_JOBS_CLAIM,
          delete: config.OIDC_DELETE_CLAIM,
        },
      });
      return { access, details: () => ({ mode: 'oidc', issuer, state: keys.state }) };
    }
  }
}
