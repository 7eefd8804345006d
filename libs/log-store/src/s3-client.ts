import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { HttpConnections } from './http-connections.ts';

/** One HTTP request to the store, the client's own repetitions counted each. */
export interface StoreRequest {
  /** `GetObject`, `PutObject`, … */
  readonly operation: string;
  /** undefined: no answer came. */
  readonly status: number | undefined;
  /** Until the answer's headers were there; a body streams on after that. */
  readonly seconds: number;
}

/** How to reach S3. What is left out comes from the SDK's own chain (`AWS_ENDPOINT_URL_S3`, `AWS_REGION`, profiles, roles, …). */
export interface S3ClientOptions {
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
  readonly forcePathStyle?: boolean | undefined;
  /** Connections at the same time, of the SDK's and again of those past it; further requests wait for a free one. */
  readonly maxSockets?: number | undefined;
  /** Ms to get connected, waiting for a free connection included. */
  readonly connectTimeout?: number | undefined;
  /** Ms without a byte in either direction before a connection is given up. A body that nobody reads loses its connection so too. */
  readonly idleTimeout?: number | undefined;
  /** Tries per request, the first included, with growing pauses in between. */
  readonly maxAttempts?: number | undefined;
  readonly onRequest?: ((request: StoreRequest) => void) | undefined;
}

const DEFAULTS = { maxSockets: 128, connectTimeout: 10_000, idleTimeout: 30_000, maxAttempts: 5 };

/** What is taken from an answer's head by `createS3Client`'s observer. */
export interface AnswerHead {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** Runs one try of an operation (`GetObject`, …), and tells of it to whoever wants to hear of every request. */
export type ObserveTry = <R extends { readonly response: unknown }>(
  operation: string,
  send: () => Promise<R>,
) => Promise<R>;

export interface ObservedClient {
  readonly client: S3Client;
  /** For tries that do not go through the client's middleware: all others are observed there. */
  readonly observe: ObserveTry;
  /** To the same store, for those tries. */
  readonly connections: HttpConnections;
}

/** The client's innermost middleware. It runs once per try and sees the answer before the SDK has interpreted it. */
export const OBSERVER = 'cordwoodObserveRequests';

/** An SDK client with our defaults. `onAnswer` gets the head of every answer, of failed tries too. */
export function createS3Client(options: S3ClientOptions, onAnswer: (head: AnswerHead) => void): ObservedClient {
  const { maxSockets, connectTimeout, idleTimeout } = {
    maxSockets: options.maxSockets ?? DEFAULTS.maxSockets,
    connectTimeout: options.connectTimeout ?? DEFAULTS.connectTimeout,
    idleTimeout: options.idleTimeout ?? DEFAULTS.idleTimeout,
  };
  const agent = { keepAlive: true, maxSockets };
  const config: S3ClientConfig = {
    maxAttempts: options.maxAttempts ?? DEFAULTS.maxAttempts,
    // Not every compatible store takes the SDK's default CRC checksums, and bodies of known length need none (S3 checks TLS and MD5).
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // Our bodies are small: asking first costs a round trip, and servers that never answer `100 Continue` cost seconds.
    expectContinueHeader: false,
    requestHandler: new NodeHttpHandler({
      httpAgent: new HttpAgent(agent),
      httpsAgent: new HttpsAgent(agent),
      connectionTimeout: connectTimeout,
      socketTimeout: idleTimeout,
    }),
  };
  if (options.endpoint !== undefined) config.endpoint = options.endpoint;
  if (options.region !== undefined) config.region = options.region;
  if (options.credentials !== undefined) config.credentials = options.credentials;
  if (options.forcePathStyle !== undefined) config.forcePathStyle = options.forcePathStyle;
  const client = new S3Client(config);
  const observe = observer(onAnswer, options.onRequest);
  client.middlewareStack.add(
    (next, context) => (args) => observe((context.commandName ?? 'Unknown').replace(/Command$/, ''), () => next(args)),
    { step: 'deserialize', priority: 'low', name: OBSERVER },
  );
  return { client, observe, connections: new HttpConnections({ maxSockets, connectTimeout, idleTimeout }) };
}

function observer(
  onAnswer: (head: AnswerHead) => void,
  onRequest: ((request: StoreRequest) => void) | undefined,
): ObserveTry {
  return async (operation, send) => {
    const started = performance.now();
    let status: number | undefined;
    try {
      const result = await send();
      const head = result.response as AnswerHead;
      status = head.statusCode;
      onAnswer(head);
      return result;
    } finally {
      onRequest?.({ operation, status, seconds: (performance.now() - started) / 1000 });
    }
  };
}
