/** What can be seen of a `task()` in its type; this room knows nothing of the server's code. */
export interface TaskType<Name extends string = string, Input = unknown, Output = unknown> {
  readonly kind: 'mobula.task';
  readonly name: Name;
  readonly input: { readonly _zod: { readonly input: Input } };
  readonly run?: (...call: never[]) => Output;
}

/** The tasks of a client that was told none: any name, any input, and nobody knows what comes out. */
export interface UnknownTasks {
  readonly any: TaskType;
}

type NameOf<Exported> = Exported extends TaskType<infer Name> ? Name : never;

type Named<Exported, Name> = Exported extends TaskType<infer Own> ? (Name extends Own ? Exported : never) : never;

/** The names of the tasks that a module exports. */
export type NameIn<Tasks> = NameOf<Tasks[keyof Tasks]>;

/** What the schema of a task takes, before its defaults and transforms. */
export type InputIn<Tasks, Name> =
  Named<Tasks[keyof Tasks], Name> extends TaskType<string, infer Input> ? Input : never;

/** What the code of a task returns; unknown where it is Python's. Through JSON, a Date arrives as text. */
export type OutputIn<Tasks, Name> =
  Named<Tasks[keyof Tasks], Name> extends { readonly run?: (...call: never[]) => infer Output }
    ? Awaited<Output>
    : unknown;
