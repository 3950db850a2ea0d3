-- Least privilege for Mobula. Run it as the owner of the database, who may create roles, as often as you like:
--
--   psql "$ADMIN_DATABASE_URL" -v ON_ERROR_STOP=1 --single-transaction -f infra/postgres/roles.sql
--
-- Run it before the first `npm run migrate` and once more after it, for the list of migrations is closed to the app only
-- once it is there. Then give each role its password (`\password mobula_app`), and each program its own URL:
--
--   mobula_migrator   owns the schema; for `npm run migrate` alone
--   mobula_app        reads and writes rows; for the app, whatever it runs on
--   mobula_reader     reads rows; for a deployment that only shows (GET /status, /executions, …), and for dashboards
--
-- Application code that enqueues in its own transactions needs no more than mobula_app has: grant mobula_app to its role.

do $$
declare
  role_name text;
begin
  foreach role_name in array array['mobula_migrator', 'mobula_app', 'mobula_reader'] loop
    if not exists (select from pg_roles where rolname = role_name) then
      execute format('create role %I login', role_name);
    elsif exists (
      select from pg_roles
      where rolname = role_name and (rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls)
    ) then
      raise exception 'The role % is there, and may more than it should.', role_name;
    end if;
    execute format('grant connect on database %I to %I', current_database(), role_name);
  end loop;

  -- An administrator who is no superuser, as in most clouds, makes things for a role only as its member.
  execute format('grant mobula_migrator to %I', current_user);
  -- `create schema if not exists`, the migrations' first word, asks for this right also where the schema is there.
  execute format('grant create on database %I to mobula_migrator', current_database());
end
$$;

create schema if not exists mobula authorization mobula_migrator;
grant usage on schema mobula to mobula_app, mobula_reader;

-- What is there, and what later migrations add.
grant select, insert, update, delete on all tables in schema mobula to mobula_app;
grant select on all tables in schema mobula to mobula_reader;
alter default privileges for role mobula_migrator in schema mobula grant select, insert, update, delete on tables to mobula_app;
alter default privileges for role mobula_migrator in schema mobula grant select on tables to mobula_reader;

-- Which migrations were applied is only the migrator's to say.
do $$
begin
  if to_regclass('mobula.migrations') is not null then
    revoke insert, update, delete on mobula.migrations from mobula_app;
  end if;
end
$$;

-- Before version 15 everybody may make tables in `public`.
revoke create on schema public from public;

-- The app's statements take milliseconds, and none waits for a person: these bounds are for the day when something is
-- wrong. A pooler applies them when it opens a connection. Migrations have none, so that two at once may wait for each other.
alter role mobula_app set statement_timeout = '30s';
alter role mobula_app set lock_timeout = '10s';
alter role mobula_app set idle_in_transaction_session_timeout = '60s';
alter role mobula_reader set statement_timeout = '30s';
alter role mobula_reader set lock_timeout = '5s';
alter role mobula_reader set idle_in_transaction_session_timeout = '60s';
alter role mobula_reader set default_transaction_read_only = on;
