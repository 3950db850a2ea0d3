import type { RemoteRunner } from '../../../src/core/runner.ts';
import type { Engine } from '../../../src/engine/engine.ts';
import type { StatementName } from '../database/statements.ts';
import type { World } from '../world.ts';

/** Something deliberately wrong with the product, to show that the runs would tell. Nothing on disk is changed for it. */
export interface Mutation {
  readonly name: string;
  /** Another text for a statement. */
  readonly statement?: (name: StatementName, text: string, world: World) => string;
  /** Another engine, with one of its ports or settings changed. */
  readonly engine?: (engine: Engine, world: World) => Engine;
  /** A driver that never ends itself. */
  readonly withoutFence?: true;
}

/** Replaces something in a statement. Where it no longer says that, the mutation mutates nothing, and is not caught. */
export const inStatement =
  (
    of: StatementName | readonly StatementName[],
    what: string | RegExp,
    by: string,
  ): NonNullable<Mutation['statement']> =>
  (name, text) =>
    [of].flat().includes(name) ? text.replace(what, by) : text;

/** Changes some calls of the Ray runner. */
export const withRay =
  (change: (ray: RemoteRunner, world: World) => Partial<RemoteRunner>): NonNullable<Mutation['engine']> =>
  (engine, world) => {
    const ray = engine.ray && { ...engine.ray, ...change(engine.ray, world) };
    return { ...engine, ray, remotes: ray ? [ray] : [] };
  };

/** Changes some settings of the engine; the drivers keep the right ones. */
export const withSettings =
  (change: (settings: Engine['settings']) => Partial<Engine['settings']>): NonNullable<Mutation['engine']> =>
  (engine) => ({ ...engine, settings: { ...engine.settings, ...change(engine.settings) } });
