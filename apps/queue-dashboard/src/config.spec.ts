import { describeConfig, loadConfig } from '@cordwood/service';
import { expect, test } from '@jest/globals';
import { configSchema } from './config.ts';

const OIDC = {
  AUTH_MODE: 'oidc',
  OIDC_ISSUER: 'https://login.example',
  OIDC_CLIENT_ID: 'cordwood',
  PUBLIC_URL: 'https://ops.example/queues/',
  BASE_PATH: '/queues',
};

test('nothing can be changed, and only this machine is listened to, unless it is said', () => {
  expect(loadConfig(configSchema, {})).toMatchObject({ DASHBOARD_MODE: 'readonly', BASE_PATH: '/', PORT: 8080 });
  expect(loadConfig(configSchema, {}).AUTH_MODE).toBeUndefined();
  expect(() => loadConfig(configSchema, { HOST: '0.0.0.0' })).toThrow(
    'HOST holds "0.0.0.0": 127.0.0.1, ::1 or localhost',
  );
  expect(loadConfig(configSchema, { HOST: '0.0.0.0', AUTH_MODE: 'none' }).HOST).toBe('0.0.0.0');
});

test('what is needed to sign in', () => {
  const basic = (env: Record<string, string>) => () => loadConfig(configSchema, { AUTH_MODE: 'basic', ...env });
  expect(basic({})).toThrow('BASIC_AUTH_PASSWORD is not set');
  expect(basic({ BASIC_AUTH_PASSWORD: 'x', BASIC_AUTH_PASSWORD_FILE: '/y' })).toThrow('alone is allowed');
  expect(basic({ BASIC_AUTH_PASSWORD_FILE: '/y' })).not.toThrow();
  expect(() => loadConfig(configSchema, { AUTH_MODE: 'oidc' })).toThrow(/OIDC_ISSUER[^]*OIDC_CLIENT_ID[^]*PUBLIC_URL/);
  expect(loadConfig(configSchema, OIDC).BASE_PATH).toBe('/queues');
  expect(() => loadConfig(configSchema, { ...OIDC, BASE_PATH: '/' })).toThrow('a URL whose path is BASE_PATH (/)');
  expect(() => loadConfig(configSchema, { ...OIDC, SESSION_SECRET: 'a', SESSION_SECRET_FILE: 'b' })).toThrow('alone');
  expect(() => loadConfig(configSchema, { ...OIDC, OIDC_CLIENT_SECRET: 'a', OIDC_CLIENT_SECRET_FILE: 'b' })).toThrow(
    'alone',
  );
});

test('a URL that is none is told what such a one looks like', () => {
  const message = (name: string) => {
    try {
      return loadConfig(configSchema, { [name]: 'example' });
    } catch (error) {
      return (error as Error).message;
    }
  };
  expect(message('OIDC_ISSUER')).toContain('a URL such as https://login.example.com/realms/main is allowed');
  expect(message('PUBLIC_URL')).toContain('a URL such as https://ops.example.com/queues is allowed');
  expect(message('READER_URL')).toContain('a URL such as https://logs.example.com is allowed');
});

test('every variable is described', () => {
  expect(describeConfig(configSchema).filter(({ description }) => description === '')).toEqual([]);
});
