import * as z from 'zod';

/** What Ray says of its Serve, as far as a new configuration depends on it. */
export const serveDetails = z.looseObject({
  proxy_location: z.string().nullish(),
  http_options: z.looseObject({ host: z.string().nullish(), port: z.number().nullish() }).nullish(),
  grpc_options: z.looseObject({}).nullish(),
  applications: z.record(
    z.string(),
    z.looseObject({
      status: z.string(),
      message: z.string().nullish(),
      route_prefix: z.string().nullish(),
      source: z.string().nullish(),
      deployed_app_config: z.looseObject({}).nullish(),
    }),
  ),
});
export type ServeDetails = z.output<typeof serveDetails>;

/** The name of our application among those of a Serve. */
export const applicationName = 'mobula';

export interface GatewayPlan {
  /** Below which it is served, on Serve's own port. */
  readonly routePrefix: string;
  readonly host: string;
  readonly port: number;
  /** Signs and checks calls: one for each secret of the app's. */
  readonly keys: readonly string[];
  readonly packageUri: string;
  /** The deployment's `MOBULA_RAY_RUNTIME_ENV`. */
  readonly runtimeEnv: Readonly<Record<string, unknown>>;
  readonly workersMin: number;
  readonly workersMax: number;
  readonly workerCpus: number;
  /** How long a worker that is replaced may go on with what it runs. */
  readonly drainSeconds: number;
}

/**
 * The configuration that has our application beside those that are there, or why there can be none: Ray replaces the whole
 * set of applications, so one that cannot be said again would be lost. Where Serve runs already its port stays.
 */
export function planServe(
  seen: ServeDetails | null,
  plan: GatewayPlan | null,
): { readonly config: object } | { readonly refusal: string } {
  const others = Object.entries(seen?.applications ?? {}).filter(([name]) => name !== applicationName);
  const silent = others.find(([, { source, deployed_app_config }]) => source !== 'imperative' && !deployed_app_config);
  if (silent) {
    return {
      refusal: `Ray does not say how its application ${silent[0]} was deployed, so it cannot be kept beside ours.`,
    };
  }
  const clash = others.find(([, { route_prefix }]) => plan && route_prefix === plan.routePrefix);
  if (clash)
    return { refusal: `The application ${clash[0]} is served at ${clash[1].route_prefix}: give ours another --route.` };
  const declared = others.flatMap(([, { source, deployed_app_config }]) =>
    source === 'imperative' ? [] : [deployed_app_config],
  );
  return {
    config: {
      proxy_location: seen?.proxy_location ?? 'EveryNode',
      http_options: toHttpOptions(seen, plan),
      ...(seen?.grpc_options ? { grpc_options: seen.grpc_options } : {}),
      applications: [...declared, ...(plan ? [toApplication(plan)] : [])],
    },
  };
}

const toHttpOptions = (seen: ServeDetails | null, plan: GatewayPlan | null) =>
  isRunning(seen) ? seen?.http_options : { host: plan?.host, port: plan?.port };

/** Where Serve does not run, Ray says that it has neither proxies nor options. */
const isRunning = (seen: ServeDetails | null): boolean => typeof seen?.http_options?.port === 'number';

function toApplication(plan: GatewayPlan): object {
  const modules = plan.runtimeEnv['py_modules'];
  return {
    name: applicationName,
    route_prefix: plan.routePrefix,
    import_path: 'mobula_gateway.app:build',
    runtime_env: { ...plan.runtimeEnv, py_modules: [...(Array.isArray(modules) ? modules : []), plan.packageUri] },
    args: {
      keys: plan.keys,
      workers_min: plan.workersMin,
      workers_max: plan.workersMax,
      worker_cpus: plan.workerCpus,
      drain_seconds: plan.drainSeconds,
    },
  };
}
