import journal from '../../drizzle/meta/_journal.json' with { type: 'json' };

/** One file of `drizzle/`: its name without `.sql`, and the instant that orders it and marks it as applied. */
export interface Migration {
  readonly tag: string;
  readonly when: number;
}

/** Every migration this code knows, oldest first; imported, not read from disk, so that it is known on every platform. */
export const migrations: readonly Migration[] = journal.entries.map(({ tag, when }) => ({ tag, when }));

/** The schema this code was written for. */
export const latestMigration = Math.max(...migrations.map(({ when }) => when));
