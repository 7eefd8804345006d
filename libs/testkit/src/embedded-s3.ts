import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { ConditionHandling } from './s3-server/condition-handling.ts';
import { S3Server } from './s3-server/server.ts';

export interface EmbeddedS3Options {
  /** 0, the default: any free port. */
  readonly port?: number;
  /** Objects are kept here and outlive a restart; without it they are in memory. */
  readonly dataDir?: string;
  /** Made at the start unless they are there; the first is `LOGS_BUCKET` of `env`. Default: `logs`. */
  readonly buckets?: readonly string[];
  /** How it treats conditions on requests, for tests of stores that are not as they should be. Default: `honoured`. */
  readonly conditions?: ConditionHandling;
}

export interface EmbeddedS3 {
  readonly endpoint: string;
  /** What a process needs in its environment to use it. */
  readonly env: {
    readonly AWS_ENDPOINT_URL_S3: string;
    readonly AWS_REGION: string;
    readonly AWS_ACCESS_KEY_ID: string;
    readonly AWS_SECRET_ACCESS_KEY: string;
    readonly S3_FORCE_PATH_STYLE: string;
    readonly LOGS_BUCKET: string;
  };
  stop(): Promise<void>;
}

const ACCESS_KEY_ID = 'cordwood';

/** An S3 server in this process, on 127.0.0.1 only: conditional writes and deletes as on AWS unless asked otherwise. It keeps no secrets: signatures are not checked. */
export async function startEmbeddedS3(options: EmbeddedS3Options = {}): Promise<EmbeddedS3> {
  const { port = 0, dataDir, buckets = ['logs'], conditions } = options;
  const server = new S3Server({ dataDir, accessKeyId: ACCESS_KEY_ID, conditions });
  for (const bucket of buckets) server.createBucket(bucket);
  server.http.listen(port, '127.0.0.1');
  await once(server.http, 'listening');
  const endpoint = `http://127.0.0.1:${(server.http.address() as AddressInfo).port}`;
  return {
    endpoint,
    env: {
      AWS_ENDPOINT_URL_S3: endpoint,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: ACCESS_KEY_ID,
      AWS_SECRET_ACCESS_KEY: 'cordwoodsecret',
      S3_FORCE_PATH_STYLE: 'true',
      LOGS_BUCKET: buckets[0] ?? 'logs',
    },
    async stop() {
      const closed = once(server.http, 'close');
      server.http.close();
      server.http.closeAllConnections();
      await closed;
    },
  };
}
