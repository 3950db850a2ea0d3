import { parseAnswer, wordOf } from './ray-answer.ts';
import { type RayAnswer, type RayHttp, type RayHttpOptions, rayHttp } from './ray-http.ts';
import { type DriverPackage, packageUri, providePackage } from './ray-package.ts';
import { applicationName, type GatewayPlan, planServe, type ServeDetails, serveDetails } from './serve-config.ts';

const path = '/api/serve/applications/';
const readMs = 15_000;
const writeMs = 60_000;
const pollMs = 500;

/** What stops a deployment, in words for the one who asked for it. */
export class NotDeployed extends Error {}

/** How our application stands: Ray's own word, and where it is served. */
export interface GatewayStatus {
  readonly status: string;
  readonly message: string;
  readonly route: string | null;
  readonly port: number | null;
}

/** Brings the gateway to a cluster over Ray's REST API, or replaces the one that is there, and waits until it runs. */
export async function deployGateway(
  options: RayHttpOptions,
  plan: Omit<GatewayPlan, 'packageUri'> & { readonly package: DriverPackage; readonly patienceSeconds: number },
): Promise<GatewayStatus> {
  const http = rayHttp(options);
  const missing = await providePackage(http, plan.package, { readMs, uploadMs: writeMs });
  if (missing !== null) throw new NotDeployed(`The gateway's code could not be brought to Ray. ${missing}`);
  await put(http, { ...plan, packageUri: packageUri(plan.package) });
  return awaitStatus(http, plan.patienceSeconds, (status) => status === 'RUNNING');
}

/** Takes the gateway off the cluster, and Serve with it unless others use it. What it had begun ends as a dead worker's does. */
export async function deleteGateway(options: RayHttpOptions, patienceSeconds: number): Promise<GatewayStatus> {
  const http = rayHttp(options);
  const isAlone = Object.keys((await readServe(http)).applications).every((name) => name === applicationName);
  if (isAlone) await http.delete(path, { timeoutMs: writeMs });
  else await put(http, null);
  return awaitStatus(http, patienceSeconds, (status) => status === 'NOT_DEPLOYED');
}

export const gatewayStatus = async (options: RayHttpOptions): Promise<GatewayStatus> =>
  toStatus(await readServe(rayHttp(options)));

async function put(http: RayHttp, plan: GatewayPlan | null): Promise<void> {
  const planned = planServe(await readServe(http), plan);
  if ('refusal' in planned) throw new NotDeployed(planned.refusal);
  const answer = await http.put(path, new TextEncoder().encode(JSON.stringify(planned.config)), { timeoutMs: writeMs });
  if (answer.kind !== 'answered' || answer.status !== 200) throw new NotDeployed(refusalOf(http, answer, plan?.keys));
}

async function readServe(http: RayHttp): Promise<ServeDetails> {
  const answer = await http.get(path, { timeoutMs: readMs });
  const seen = parseAnswer(answer, serveDetails);
  if (seen === null) throw new NotDeployed(refusalOf(http, answer));
  return seen;
}

function refusalOf(http: RayHttp, answer: RayAnswer, secrets: readonly string[] = []): string {
  if (answer.kind === 'answered' && answer.status === 501)
    return 'This Ray comes without Serve, or without all that it needs: `python -c "import ray.serve"` on its nodes tells what.';
  return wordOf(answer, http.redact, secrets);
}

async function awaitStatus(
  http: RayHttp,
  seconds: number,
  isThere: (status: string) => boolean,
): Promise<GatewayStatus> {
  const until = performance.now() + seconds * 1_000;
  for (;;) {
    const seen = toStatus(await readServe(http));
    if (isThere(seen.status)) return seen;
    if (seen.status === 'DEPLOY_FAILED' || performance.now() > until)
      throw new NotDeployed(`The application is ${seen.status}. ${seen.message}`.trim());
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

function toStatus({ applications, http_options }: ServeDetails): GatewayStatus {
  const ours = applications[applicationName];
  const port = http_options?.port ?? null;
  if (!ours) return { status: 'NOT_DEPLOYED', message: '', route: null, port };
  return { status: ours.status, message: ours.message ?? '', route: ours.route_prefix ?? null, port };
}
