import type { S3Client, S3ClientResolvedConfig, ServiceInputTypes, ServiceOutputTypes } from '@aws-sdk/client-s3';
import type { Command, DeserializeMiddleware, HttpRequest } from '@smithy/types';
import { type BodyConnection, bodyStream, readWhole } from './body-connection.ts';
import type { HttpHead } from './http-answer.ts';
import type { HttpConnections } from './http-connections.ts';
import { type ObservedClient, OBSERVER, type ObserveTry } from './s3-client.ts';
import type { FailedOperation } from './s3-errors.ts';
import { send } from './s3-send.ts';
import { type S3Request, S3Signer } from './s3-signer.ts';

/** An answer whose head has come. */
export interface DirectResponse extends HttpHead {
  readonly body: BodyConnection;
  /** All of the body, if it was to be read before the answer counts, and came. */
  readonly bytes: Uint8Array | undefined;
}

/** A request, and its answer as both ways of sending it give it. */
export interface DirectCall<Input extends ServiceInputTypes, Output extends ServiceOutputTypes, Answer> {
  /** For errors; the name of the operation stands there too. */
  readonly failed: FailedOperation;
  readonly request: S3Request;
  /** The same request as the SDK has it. */
  readonly command: () => Command<ServiceInputTypes, Input, ServiceOutputTypes, Output, S3ClientResolvedConfig>;
  /** The answer of a direct try, as the SDK reads it; undefined when there is anything about it that the SDK should look at. */
  readonly read: (response: DirectResponse) => Answer | undefined;
  /** The answer as the SDK has read it. */
  readonly fromSdk: (output: Output) => Answer;
  readonly signal: AbortSignal | undefined;
  /** Called right before each try is sent: when it throws, that is what comes of the try. */
  readonly beforeSend?: (() => void) | undefined;
}

/** What became of one try. */
type Outcome = { readonly response: DirectResponse } | { readonly error: unknown };

export interface DirectOptions {
  /** Whether the body of a good answer is read before it counts as one. */
  readonly whole: boolean;
}

/**
 * Sends the requests of one operation past the SDK's middleware (docs/adr/0018, docs/adr/0023) and over connections of our own (docs/adr/0019): both
 * take most of the CPU time of a small one.
 *
 * The SDK sends the first one, as the pattern for the others. And what becomes of a try is left to it unless all is well: it gets that
 * outcome as if it had made the try itself. So which error it is, whether and when to try again, and with which clock to sign, is decided in
 * one place, and no request is made that the SDK alone would not have made.
 */
export class DirectOperation {
  readonly #client: S3Client;
  readonly #observe: ObserveTry;
  readonly #connections: HttpConnections;
  readonly #signer: S3Signer;
  readonly #isWhole: boolean;

  constructor({ client, observe, connections }: ObservedClient, { whole }: DirectOptions) {
    this.#client = client;
    this.#observe = observe;
    this.#connections = connections;
    this.#signer = new S3Signer(client.config, () => Date.now() + client.config.systemClockOffset);
    this.#isWhole = whole;
  }

  /** Throws StoreErrors, or the signal's reason. */
  async send<I extends ServiceInputTypes, O extends ServiceOutputTypes, Answer>(
    call: DirectCall<I, O, Answer>,
  ): Promise<Answer> {
    call.signal?.throwIfAborted();
    const first = await this.#try(call);
    if (first === undefined || !('response' in first)) return this.#bySdk(call, first);
    const answer = isGood(first.response) ? call.read(first.response) : undefined;
    if (answer === undefined) return this.#bySdk(call, first);
    await this.#countSuccess();
    return answer;
  }

  /** The first try, past the SDK; undefined when it cannot be made. */
  async #try(call: Pick<DirectCall<never, never, unknown>, DirectlySent>): Promise<Outcome | undefined> {
    const { failed, beforeSend, signal } = call;
    // Why there are no credentials is for the SDK to say.
    const request = await this.#signer.sign(call.request).catch(() => undefined);
    if (request === undefined) return undefined;
    try {
      beforeSend?.();
      const { response } = await this.#observe(failed.operation, async () => ({
        response: await this.#connections.send(request, signal),
      }));
      const { statusCode, headers } = response;
      const read = this.#isWhole && isGood(response) ? await readWhole(response.body) : undefined;
      return { response: { statusCode, headers, body: read?.again ?? response.body, bytes: read?.bytes } };
    } catch (error) {
      return { error };
    }
  }

  /** How much may be tried again depends on how much went well. */
  async #countSuccess(): Promise<void> {
    const retries = await this.#client.config.retryStrategy();
    if ('recordSuccess' in retries) retries.recordSuccess(await retries.acquireInitialRetryToken(''));
  }

  /** By the SDK, as whose first try the given one counts. */
  async #bySdk<I extends ServiceInputTypes, O extends ServiceOutputTypes, Answer>(
    { failed, request, command: make, fromSdk, signal, beforeSend }: DirectCall<I, O, Answer>,
    first: Outcome | undefined,
  ): Promise<Answer> {
    const command = make();
    let made = first;
    // Behind the SDK's retries and signature, so that only the connection is left between `beforeSend` and the request.
    const inPlaceOfFirst: DeserializeMiddleware<I, O> = (next) => async (args) => {
      const outcome = made;
      made = undefined;
      if (outcome === undefined) {
        beforeSend?.();
        const result = await next(args);
        if (isGood(result.response as HttpHead)) this.#signer.learn(request.key, args.request as HttpRequest);
        return result;
      }
      if ('error' in outcome) throw outcome.error;
      // What comes out of it is put in by the SDK's own middleware, as after any try.
      const { statusCode, headers, body } = outcome.response;
      return { response: { statusCode, headers, body: bodyStream(body) } };
    };
    command.middlewareStack.addRelativeTo(inPlaceOfFirst, { relation: 'before', toMiddleware: OBSERVER });
    try {
      return fromSdk(await send(failed, signal, (abort) => this.#client.send(command, abort)));
    } finally {
      // The SDK got no further than to the signature.
      if (made !== undefined && 'response' in made) made.response.body.close();
    }
  }
}

type DirectlySent = 'failed' | 'request' | 'signal' | 'beforeSend';

const isGood = ({ statusCode }: HttpHead): boolean => statusCode === 200 || statusCode === 206;
