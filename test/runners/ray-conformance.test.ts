import { rayJobRunner } from '../../src/runners/ray-job.ts';
import { FakeRay } from '../support/fake-ray.ts';
import { describeJobs } from './job-conformance.ts';
import { probePackage } from './probe.ts';

describeJobs('ray_job on a fake Ray that runs its jobs', async () => {
  const ray = await FakeRay.start({ execute: true });
  const driver = probePackage();
  return {
    connect: (address = ray.url) => rayJobRunner({ address, package: driver, timeouts: { readMs: 1_000 } }),
    close: () => ray.close(),
  };
});
