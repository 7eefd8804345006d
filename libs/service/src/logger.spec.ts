import { PassThrough, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, test } from '@jest/globals';
import { type Logger, type LoggerOptions, createLogger } from './logger.ts';

async function linesOf(write: (logger: Logger) => void, options: Partial<LoggerOptions> = {}) {
  const stream = new PassThrough();
  const logger = createLogger({ app: 'test', stream, ...options });
  write(logger);
  await logger.close();
  stream.end();
  const lines = (await text(stream)).trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('one flat line per event', async () => {
  const [line] = await linesOf((logger) => logger.child({ pod: 'p' }).info('merged', { records: 3, bytes: 4n }), {
    fields: { version: '1' },
  });
  const { time, ...rest } = line!;
  expect(new Date(time as string).toISOString()).toBe(time);
  expect(rest).toEqual({
    level: 'info',
    message: 'merged',
    app: 'test',
    version: '1',
    pod: 'p',
    records: 3,
    bytes: '4',
  });
});

test('the level holds back what is below it', async () => {
  const lines = await linesOf(
    (logger) => {
      logger.debug('no');
      logger.info('no');
      logger.warn('yes');
      logger.error('yes');
    },
    { level: 'warn' },
  );
  expect(lines.map(({ level }) => level)).toEqual(['warn', 'error']);
});

test('errors are written out, with code and cause', async () => {
  const error = Object.assign(new TypeError('bad', { cause: new Error('root') }), { code: 'E_BAD', secret: 'x' });
  const [line] = await linesOf((logger) => logger.error('failed', { error }));
  expect(line!['error']).toEqual({
    name: 'TypeError',
    message: 'bad',
    code: 'E_BAD',
    stack: expect.stringContaining('logger.spec'),
    cause: { name: 'Error', message: 'root', stack: expect.any(String) },
  });
});

test('a field never hides the message, and nothing is unwritable', async () => {
  const circle: Record<string, unknown> = { twice: [1] };
  circle['self'] = circle;
  const shared = { a: 1 };
  const [first, second, third] = await linesOf((logger) => {
    logger.info('text', { message: 'field', level: 1, time: 2, app: 3 });
    logger.info('circle', { circle, x: shared, y: shared });
    logger.info('throws', {
      boom: {
        toJSON() {
          throw new Error('unwilling');
        },
      },
    });
  });
  expect(first).toMatchObject({
    message: 'text',
    message_: 'field',
    level: 'info',
    level_: 1,
    app: 'test',
    app_: 3,
    time_: 2,
  });
  expect(second).toMatchObject({ circle: { twice: [1], self: '[circular]' }, x: { a: 1 }, y: { a: 1 } });
  expect(third).toMatchObject({ message: 'throws', app: 'test', unwritable: 'Error: unwilling' });
});

test('a stream that fails is told, and is spared all further lines', async () => {
  const gone = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
  let written = 0;
  // As process.stdout does: every write fails again.
  const stream = new Writable({
    autoDestroy: false,
    write: (_chunk, _encoding, done) => done((written++, gone)),
  });
  const logger = createLogger({ app: 'test', stream });
  logger.info('first');
  expect(await logger.lost).toBe(gone);
  logger.info('second');
  logger.child({ pod: 'p' }).error('third');
  await logger.close();
  expect(written).toBe(1);
});
