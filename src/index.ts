/** The library: define tasks, enqueue them, look at them, and run them without HTTP. */

export { type ErrorCode, MobulaError } from './core/errors.ts';
export type { Execution, State, Status } from './core/execution.ts';
export type { Hook, HookVerifier } from './core/hook.ts';
export type { Schedule } from './core/schedule.ts';
export type { InputOf, OutputOf, Task, TaskContext, TaskOptions } from './core/task.ts';
export { configure } from './current.ts';
export { connectDatabase as connect } from './db/connect.ts';
export type { Db } from './db/db.ts';
export { task } from './define-task.ts';
export { type DeploymentConfig, defineConfig } from './deployment.ts';
export { github } from './http/github.ts';
export { bearer } from './http/hook-bearer.ts';
export { qstash } from './http/qstash.ts';
export { standardWebhooks } from './http/standard-webhooks.ts';
export {
  type EnqueueCallOptions as EnqueueOptions,
  type EnqueueItem,
  enqueue,
  enqueueMany,
  execute,
  getExecution,
  type Handle,
  pendingCount,
  purge,
  type RunCallOptions as RunOptions,
  result,
  run,
  runOne,
} from './library.ts';
