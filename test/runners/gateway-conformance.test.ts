import { rayCoreRunner } from '../../src/runners/ray-core.ts';
import { testSecret } from '../support/engine.ts';
import { FakeGateway } from '../support/fake-gateway.ts';
import { describeRunner } from './conformance.ts';
import { probeAttempt } from './probe.ts';

describeRunner('ray_core on a fake gateway', async () => {
  const gateway = await FakeGateway.start();
  return {
    connect: (address = gateway.url) => rayCoreRunner({ address, secret: testSecret, timeoutMs: 3_000 }),
    attempt: (seconds) => {
      const attempt = probeAttempt();
      if (seconds === 60) setTimeout(() => gateway.mark(attempt.jobId, 'running'), 100);
      return attempt;
    },
    close: () => gateway.down(),
  };
});
