import { startEmbeddedS3, startFaultProxy } from '@cordwood/testkit';
import { describeS3 } from './s3-object-store.conformance.ts';

// The same suite against a real server: object-store.conformance.s3.spec.ts.
describeS3('embedded S3', async () => {
  const s3 = await startEmbeddedS3();
  const { endpoint, env } = s3;
  return {
    options: {
      endpoint,
      bucket: env.LOGS_BUCKET,
      region: env.AWS_REGION,
      forcePathStyle: true,
      credentials: { accessKeyId: env.AWS_ACCESS_KEY_ID, secretAccessKey: env.AWS_SECRET_ACCESS_KEY },
    },
    checksSecrets: false,
    startProxy: startFaultProxy,
    close: () => s3.stop(),
  };
});
