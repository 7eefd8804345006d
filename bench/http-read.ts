import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';

/** One answer of reader-api. */
export interface HttpRead {
  readonly bytes: number;
  /** Until the first byte of the body; until its last one. */
  readonly firstByteSeconds: number;
  readonly seconds: number;
}

/** A client of reader-api that keeps its connection. */
export class HttpReader {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 1 });
  private readonly port: number;

  constructor(port: number) {
    this.port = port;
  }

  /** Reads `/api/v1/jobs/{path}` to its last byte. @throws Error when the answer is no 200, empty or broken off */
  async read(path: string): Promise<HttpRead> {
    const before = performance.now();
    const answer = await this.answer(path);
    let bytes = 0;
    let first: number | undefined;
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      first ??= performance.now();
      bytes += chunk.length;
    }
    if (first === undefined) throw new Error(`${path}: nothing came`);
    return { bytes, firstByteSeconds: (first - before) / 1e3, seconds: (performance.now() - before) / 1e3 };
  }

  /** Seconds until the first byte of the body; the client leaves then. */
  async firstByte(path: string): Promise<number> {
    const before = performance.now();
    const answer = await this.answer(path);
    await once(answer, 'data');
    const seconds = (performance.now() - before) / 1e3;
    answer.destroy();
    return seconds;
  }

  close(): void {
    this.agent.destroy();
  }

  private async answer(path: string): Promise<IncomingMessage> {
    const sent = request({ host: '127.0.0.1', port: this.port, path: `/api/v1/jobs/${path}`, agent: this.agent });
    sent.end();
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    if (answer.statusCode !== 200) throw new Error(`${path}: status ${String(answer.statusCode)}`);
    return answer;
  }
}
