import { compose } from '../../src/compose.ts';
import type { DeploymentConfig } from '../../src/deployment.ts';
import { type Opened, type Opening, openOnce } from './open-once.ts';

export interface InstanceOptions {
  /** Where the app is mounted: `/api`; at the root unless said. */
  readonly basePath?: string;
  /** The settings; the process's environment unless said. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** A deployment in a process that a platform starts, freezes and ends as it likes; put together at the first call. */
export function instanceOf(
  config: DeploymentConfig,
  { basePath = '/', env = process.env }: InstanceOptions,
  opening: Pick<Opening, 'seconds' | 'afterAnswer' | 'answerBytes'>,
): () => Opened {
  const opened = openOnce((settings: typeof env) => ({
    ...opening,
    basePath,
    compose: () => compose(config, settings),
  }));
  return () => opened(env);
}
