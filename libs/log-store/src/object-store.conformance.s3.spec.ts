import { startEmbeddedS3, startFaultProxy } from '@cordwood/testkit';
import { describeS3, type S3Target } from './s3-object-store.conformance.ts';

const { AWS_ENDPOINT_URL_S3: endpoint, ...env } = process.env;

/** The server that the environment names, else the embedded one. */
async function open(): Promise<S3Target> {
  if (endpoint === undefined) {
    const s3 = await startEmbeddedS3();
    return { ...targetOf(s3.env), checksSecrets: false, close: () => s3.stop() };
  }
  return { ...targetOf({ ...env, AWS_ENDPOINT_URL_S3: endpoint }), checksSecrets: true, close: async () => {} };
}

function targetOf(from: Record<string, string | undefined>): Pick<S3Target, 'options' | 'startProxy'> {
  return {
    options: {
      endpoint: from['AWS_ENDPOINT_URL_S3'] ?? '',
      bucket: from['LOGS_BUCKET'] ?? 'logs',
      region: from['AWS_REGION'] ?? 'us-east-1',
      forcePathStyle: from['S3_FORCE_PATH_STYLE'] === 'true',
      credentials: {
        accessKeyId: from['AWS_ACCESS_KEY_ID'] ?? '',
        secretAccessKey: from['AWS_SECRET_ACCESS_KEY'] ?? '',
      },
    },
    startProxy: startFaultProxy,
  };
}

describeS3(endpoint === undefined ? 'embedded S3' : `S3 at ${endpoint}`, open);
