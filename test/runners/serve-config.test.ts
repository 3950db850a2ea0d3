import { describe, expect, test } from 'vitest';
import { type GatewayPlan, planServe, type ServeDetails } from '../../src/runners/serve-config.ts';

const plan: GatewayPlan = {
  routePrefix: '/mobula',
  host: '127.0.0.1',
  port: 8000,
  keys: ['key'],
  packageUri: 'gcs://ours.zip',
  runtimeEnv: { env_vars: { A: '1' }, py_modules: ['gcs://theirs.zip'] },
  workersMin: 1,
  workersMax: 4,
  workerCpus: 1,
  drainSeconds: 600,
};

const other = { name: 'other', import_path: 'other:app', route_prefix: '/other' };
const seen = (applications: ServeDetails['applications']): ServeDetails => ({
  proxy_location: 'HeadOnly',
  http_options: { host: '0.0.0.0', port: 9000, root_path: '/serve' },
  applications,
});
// biome-ignore lint/suspicious/noExplicitAny: a test knows what it planned.
const configOf = (planned: ReturnType<typeof planServe>): any => ('config' in planned ? planned.config : planned);

describe('a deployment of the gateway', () => {
  test('onto a cluster without Serve says where Serve is to listen', () => {
    expect(configOf(planServe(null, plan))).toMatchObject({
      http_options: { host: '127.0.0.1', port: 8000 },
      applications: [
        {
          name: 'mobula',
          route_prefix: '/mobula',
          runtime_env: { env_vars: { A: '1' }, py_modules: ['gcs://theirs.zip', 'gcs://ours.zip'] },
          args: { keys: ['key'], workers_max: 4 },
        },
      ],
    });
  });

  test('keeps what others have deployed, and the port that is open', () => {
    const { applications, http_options, proxy_location } = configOf(
      planServe(
        seen({
          other: { status: 'RUNNING', source: 'declarative', deployed_app_config: other },
          byHand: { status: 'RUNNING', source: 'imperative', deployed_app_config: null },
          mobula: { status: 'RUNNING', source: 'declarative', deployed_app_config: { name: 'mobula', args: 'old' } },
        }),
        plan,
      ),
    );
    expect(applications[0]).toEqual(other);
    expect(applications.map(({ name }: { name: string }) => name)).toEqual(['other', 'mobula']);
    expect([http_options, proxy_location]).toEqual([{ host: '0.0.0.0', port: 9000, root_path: '/serve' }, 'HeadOnly']);
  });

  test('is refused where it would lose an application, or take its place', () => {
    expect(
      planServe(seen({ mute: { status: 'RUNNING', source: 'declarative', deployed_app_config: null } }), plan),
    ).toEqual({
      refusal: expect.stringContaining('mute'),
    });
    const taken = { status: 'RUNNING', source: 'declarative', route_prefix: '/mobula', deployed_app_config: other };
    expect(planServe(seen({ taken }), plan)).toEqual({ refusal: expect.stringContaining('--route') });
  });

  test('that is taken back leaves the others', () => {
    const deployed = { status: 'RUNNING', source: 'declarative', deployed_app_config: other };
    expect(configOf(planServe(seen({ other: deployed, mobula: { ...deployed } }), null)).applications).toEqual([other]);
  });
});
