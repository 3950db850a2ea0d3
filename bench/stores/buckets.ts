import { FakeGcs } from '../../test/support/fake-gcs.ts';
import { FakeS3 } from '../../test/support/fake-s3.ts';

// The tests' own S3 and GCS in a process of their own, so that what they keep in memory is not counted as the app's.
// Told to hang, S3 takes uploads and never answers.

const [s3, gcs] = await Promise.all([new FakeS3().start(), new FakeGcs().start()]);
gcs.isOpen = true;
const { bucket, region, keys } = s3;
process.send?.({
  s3: { bucket, region, endpoint: s3.url, credentials: keys },
  gcs: { bucket: gcs.bucket, endpoint: gcs.url },
});
process.on('message', () => s3.cause('hang', { method: 'PUT', times: Number.POSITIVE_INFINITY }));
process.on('disconnect', () => process.exit());
