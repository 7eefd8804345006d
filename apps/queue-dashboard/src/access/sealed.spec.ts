import { expect, test } from '@jest/globals';
import { EncryptJWT, SignJWT } from 'jose';
import { createSealed } from './sealed.ts';

const SECRET = 'a secret that replicas share, 32+';

test('what one replica seals, another opens, for the same purpose alone', async () => {
  const [one, other] = [createSealed(SECRET), createSealed(SECRET)];
  const token = await one.seal('session', { name: 'somebody' }, 60_000);
  expect(token).not.toContain(Buffer.from('somebody').toString('base64url'));
  expect(await other.open('session', token)).toMatchObject({ name: 'somebody' });
  expect(await other.open('sign-in', token)).toBeUndefined();
  expect(await createSealed(undefined).open('session', token)).toBeUndefined();
});

test('what is too old, changed or not ours is nothing', async () => {
  const sealed = createSealed(SECRET);
  expect(await sealed.open('session', await sealed.seal('session', {}, -1_000))).toBeUndefined();
  const token = await sealed.seal('session', {}, 60_000);
  const [header = '', , iv = '', text = '', tag = ''] = token.split('.');
  const changed = [header, '', iv, text.replace(/^./, (first) => (first === 'A' ? 'B' : 'A')), tag].join('.');
  for (const bad of ['', 'a.b.c', changed, `${token}A`]) expect(await sealed.open('session', bad)).toBeUndefined();
  const key = new TextEncoder().encode(SECRET.slice(0, 32));
  const signed = await new SignJWT({}).setProtectedHeader({ alg: 'HS256' }).setAudience('session').sign(key);
  expect(await sealed.open('session', signed)).toBeUndefined();
  const elsewhere = new EncryptJWT({}).setProtectedHeader({ alg: 'dir', enc: 'A256GCM' }).setAudience('session');
  expect(await sealed.open('session', await elsewhere.setExpirationTime('1h').encrypt(key))).toBeUndefined();
});
