import { Client, type ClientConfig } from 'pg';

/** A database that lives by the simulation's clock and remembers every row its executions ever were. */
export interface SimulatedDatabase {
  /** Two for statements, so that one can be at work while another has not committed yet; one to watch them. */
  readonly clients: readonly [Client, Client];
  readonly watcher: Client;
  /** Takes everything out of it, so that the next run meets what the first one met. */
  empty(): Promise<void>;
  close(): Promise<void>;
}

/**
 * The clock is one setting of a session; triggers note what every statement made of an execution, with its step, and
 * how every attempt ended: a purge takes neither away. */
const preparation = `
  create schema simulation;
  create or replace function mobula.clock() returns timestamptz language sql stable parallel safe
    return current_setting('simulation.now')::timestamptz;
  create unlogged table simulation.history (
    seq bigserial primary key, step integer not null, id uuid not null, before jsonb, after jsonb);
  create function simulation.note() returns trigger language plpgsql as $$
  begin
    insert into simulation.history (step, id, before, after) values (
      current_setting('simulation.step')::integer, coalesce(new.id, old.id),
      case when old.id is not null then to_jsonb(old) end, case when new.id is not null then to_jsonb(new) end);
    return null;
  end $$;
  create unlogged table simulation.attempts (seq bigserial primary key, ended jsonb not null);
  create function simulation.note_end() returns trigger language plpgsql as $$
  begin
    insert into simulation.attempts (ended) values (to_jsonb(new));
    return null;
  end $$;
  create trigger note after insert on mobula.attempts for each row execute function simulation.note_end();
  create trigger note after insert or update or delete on mobula.executions
    for each row execute function simulation.note();`;

/** Makes a migrated database one of the simulation's. Statistics stand still, or plans and row orders would change by them. */
export async function openDatabase(url: string): Promise<SimulatedDatabase> {
  const piped = () => new Client({ connectionString: url, pipeline: true } as ClientConfig);
  const clients = [piped(), piped()] as const;
  const watcher = new Client(url);
  for (const client of [...clients, watcher]) {
    client.on('error', () => undefined); // the database is dropped under it in the end
    await client.connect();
    await client.query(`set plan_cache_mode = force_generic_plan; set jit = off`);
  }
  await watcher.query(preparation);
  const { rows } = await watcher.query<{ name: string }>(
    `select format('mobula.%I', tablename) as name from pg_tables where schemaname = 'mobula' and tablename <> 'migrations'`,
  );
  const tables = rows.map(({ name }) => name);
  for (const table of tables) await watcher.query(`alter table ${table} set (autovacuum_enabled = false)`);
  return {
    clients,
    watcher,
    empty: async () => {
      await watcher.query(
        `truncate ${[...tables, 'simulation.history', 'simulation.attempts'].join()} restart identity`,
      );
    },
    close: async () => {
      await Promise.all([...clients, watcher].map((client) => client.end()));
    },
  };
}
