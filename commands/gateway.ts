import { parseArgs } from 'node:util';
import { packageName, packGateway } from '../infra/ray/package-driver.mjs';
import { misconfigured, parseSettings } from '../src/config.ts';
import { messageOf } from '../src/core/observe.ts';
import { withEnvironment } from '../src/deployment.ts';
import { loadDeployment } from '../src/node/load-deployment.ts';
import { gatewayKey } from '../src/runners/gateway-signature.ts';
import { deleteGateway, deployGateway, type GatewayStatus, gatewayStatus } from '../src/runners/serve-deploy.ts';
import type { Settings } from '../src/settings.ts';

const usage = `npm run gateway -- deploy|status|delete

The gateway of the ray_core runner is a Ray Serve application. It goes to the cluster of RAY_ADDRESS over Ray's REST API.

  deploy   brings it there, or replaces it; other applications stay as they are
    --workers-min 1     processes for small tasks, always there
    --workers-max 4     as many as Ray Serve starts when there is more to do
    --worker-cpus 1     CPUs that Ray reserves for each
    --drain-seconds 600 how long a process that is replaced may go on with what it runs
    --route /mobula     below which it is served
    --host 127.0.0.1    where Serve listens, if it does not run yet; behind a proxy of your own, or 0.0.0.0
    --port 8000
  status   says how it stands
  delete   takes it away
`;

const options = {
  'workers-min': { type: 'string', default: '1' },
  'workers-max': { type: 'string', default: '4' },
  'worker-cpus': { type: 'string', default: '1' },
  'drain-seconds': { type: 'string', default: '600' },
  route: { type: 'string', default: '/mobula' },
  host: { type: 'string', default: '127.0.0.1' },
  port: { type: 'string', default: '8000' },
} as const;

type Wishes = ReturnType<typeof parseArgs<{ options: typeof options; allowPositionals: true }>>['values'];

const patienceSeconds = 180;

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({ options, allowPositionals: true });
  const [verb, ...more] = positionals;
  if (more.length > 0 || !verb || !['deploy', 'status', 'delete'].includes(verb)) {
    process.stderr.write(usage);
    process.exitCode = 2;
    return;
  }
  const config = await loadDeployment(process.cwd(), process.env);
  const settings = parseSettings(withEnvironment(config, process.env), ['RAY_ADDRESS']);
  const ray = {
    address: settings.RAY_ADDRESS ?? '',
    token: settings.RAY_AUTH_TOKEN,
    headers: settings.MOBULA_RAY_HEADERS,
  };
  if (verb === 'deploy') say(await deploy(settings, ray, values));
  else say(verb === 'status' ? await gatewayStatus(ray) : await deleteGateway(ray, patienceSeconds));
}

async function deploy(settings: Settings, ray: Parameters<typeof deployGateway>[0], wishes: Wishes) {
  if (settings.MOBULA_SECRET.length === 0)
    throw misconfigured(['MOBULA_SECRET is required: it signs what the gateway takes']);
  const bytes = packGateway();
  return deployGateway(ray, {
    package: { name: packageName(bytes), base64: bytes.toString('base64') },
    keys: await Promise.all(settings.MOBULA_SECRET.map(gatewayKey)),
    runtimeEnv: settings.MOBULA_RAY_RUNTIME_ENV,
    routePrefix: wishes.route ?? '',
    host: wishes.host ?? '',
    port: Number(wishes.port),
    workersMin: Number(wishes['workers-min']),
    workersMax: Number(wishes['workers-max']),
    workerCpus: Number(wishes['worker-cpus']),
    drainSeconds: Number(wishes['drain-seconds']),
    patienceSeconds,
  });
}

function say({ status, message, route, port }: GatewayStatus): void {
  console.log(JSON.stringify({ status, ...(message && { message }), ...(route && { route, port }) }));
}

try {
  await main();
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
}
