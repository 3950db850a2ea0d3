import { type Mutation, withRay, withSettings } from './mutation.ts';

/** What the app may get wrong about Ray's words and about time, and a driver about itself. */
export const mutationsOfPorts: readonly Mutation[] = [
  {
    name: 'random submission id',
    engine: withRay((ray, { dice }) => ({
      start: (attempts) =>
        ray.start(attempts.map((attempt) => ({ ...attempt, jobId: `${attempt.jobId}-${dice.whole(0, 1e9)}` }))),
    })),
  },
  {
    name: 'an error on submit fails the attempt',
    engine: withRay((ray) => ({
      start: async (attempts) =>
        (await ray.start(attempts)).map((answer) =>
          answer.kind === 'unknown' ? { kind: 'refused', message: answer.message } : answer,
        ),
    })),
  },
  {
    name: 'a 404 counts while the cluster cannot be asked',
    engine: withRay((ray) => ({
      inspect: async (jobIds) =>
        (await ray.inspect(jobIds)).map((sight) =>
          sight?.kind === 'unreachable' ? { kind: 'gone', session: '' } : sight,
        ),
    })),
  },
  {
    name: 'no answer counts as a job that failed',
    engine: withRay((ray) => ({
      inspect: async (jobIds) =>
        (await ray.inspect(jobIds)).map((sight) =>
          sight?.kind === 'unreachable' ? { kind: 'failed', message: '', errorType: null } : sight,
        ),
    })),
  },
  {
    name: 'a job that Ray forgot has failed',
    engine: withRay((ray) => ({
      inspect: async (jobIds) =>
        (await ray.inspect(jobIds)).map((sight) =>
          sight?.kind === 'gone' ? { kind: 'failed', message: '', errorType: null } : sight,
        ),
    })),
  },
  { name: 'no grace for an outcome on its way', engine: withSettings(() => ({ graceSeconds: 0 })) },
  {
    name: 'silent at half the stuck timeout',
    engine: withSettings(({ stuckSeconds }) => ({ stuckSeconds: stuckSeconds / 2 })),
  },
  { name: 'a driver without a fence', withoutFence: true },
];
