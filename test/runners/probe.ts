import { execFileSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import type { AttemptStart } from '../../src/core/runner.ts';
import type { DriverPackage } from '../../src/runners/ray-package.ts';

/** Stands in for our driver where only the runner is tested: says who it is, waits, and exits as it is told. */
const program = `
import os, sys, time
print("probe of", os.environ["MOBULA_ATTEMPT_URL"], flush=True)
time.sleep(float(os.environ.get("PROBE_SECONDS", "0")))
sys.exit(os.environ.get("PROBE_LAST_WORDS"))
`;

/** Packs it with Python's own zipfile, which knows what Python can import. */
export function probePackage(): DriverPackage {
  const pack = `
import base64, io, sys, zipfile
packed = io.BytesIO()
with zipfile.ZipFile(packed, "w") as archive:
    archive.writestr("mobula_driver/__init__.py", "")
    archive.writestr("mobula_driver/__main__.py", sys.stdin.read())
sys.stdout.write(base64.b64encode(packed.getvalue()).decode())
`;
  const base64 = execFileSync('python3', ['-c', pack], { input: program, encoding: 'utf8' });
  return { name: `_ray_pkg_${createHash('sha256').update(base64).digest('hex').slice(0, 16)}.zip`, base64 };
}

/** A new attempt of a new execution; the variables are for the probe. */
export function probeAttempt(envVars: Record<string, string> = {}): AttemptStart {
  const executionId = randomUUID();
  return {
    jobId: `mobula-${executionId.replaceAll('-', '')}-a1`,
    executionId,
    attempt: 1,
    attemptUrl: `http://127.0.0.1:9/attempts/${executionId}/1`,
    capability: `capability-of-${executionId}`,
    ray: { callable: 'package.module:function', runtimeEnv: { env_vars: envVars } },
  };
}
