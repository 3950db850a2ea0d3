import { rayJobRunner } from '../../src/runners/ray-job.ts';
import { describeRunner } from '../runners/conformance.ts';
import { probePackage } from '../runners/probe.ts';
import { describeWithRay } from '../support/ray-cluster.ts';

await describeWithRay('Ray itself', ({ url }) => {
  describeRunner('ray_job', async () => {
    const driver = probePackage();
    return {
      connect: (address = url) => rayJobRunner({ address, package: driver }),
      close: async () => undefined,
    };
  });
});
