CREATE SCHEMA IF NOT EXISTS "mobula";
--> statement-breakpoint
-- The one source of time: every due, lease and age in every statement is decided by it. Stable and inlined, so that
-- `due_at <= mobula.clock()` is an index condition; the statement's own time, so that a long transaction of a caller
-- does not enqueue into the past.
CREATE FUNCTION "mobula"."clock"() RETURNS timestamp with time zone LANGUAGE sql STABLE PARALLEL SAFE
	RETURN statement_timestamp();
--> statement-breakpoint
CREATE TYPE "mobula"."attempt_state" AS ENUM('RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED', 'LOST', 'RELEASED');--> statement-breakpoint
CREATE TYPE "mobula"."execution_state" AS ENUM('QUEUED', 'RUNNING', 'CANCELLING', 'SUCCEEDED', 'FAILED', 'CANCELLED', 'LOST', 'EXPIRED');--> statement-breakpoint
CREATE TYPE "mobula"."runner_name" AS ENUM('inline', 'ray_job', 'ray_core');--> statement-breakpoint
CREATE TYPE "mobula"."task_form" AS ENUM('inline', 'ray', 'both');--> statement-breakpoint
CREATE TABLE "mobula"."attempts" (
	"execution_id" uuid NOT NULL,
	"attempt" integer NOT NULL,
	"state" "mobula"."attempt_state" NOT NULL,
	"runner" "mobula"."runner_name" NOT NULL,
	"claimed_at" timestamp with time zone NOT NULL,
	"begun_at" timestamp with time zone,
	"ended_at" timestamp with time zone NOT NULL,
	"ray_record_until" timestamp with time zone,
	"result_bytes" bigint,
	"nonce" uuid,
	"cluster" text,
	"error" text,
	"result_state" text DEFAULT 'none' NOT NULL,
	"result" text,
	"result_reference" text,
	"result_sha256" text,
	"result_reason" text,
	CONSTRAINT "attempts_execution_id_attempt_pk" PRIMARY KEY("execution_id","attempt"),
	CONSTRAINT "attempts_ended" CHECK (state <> 'RUNNING'),
	CONSTRAINT "attempts_result" CHECK (case result_state
        when 'none' then result is null and result_reference is null
        when 'inline' then result is not null and state = 'SUCCEEDED'
        when 'stored' then result is null and result_reference is not null and result_bytes is not null and result_sha256 is not null and state = 'SUCCEEDED'
        when 'digest_only' then result is null and result_reference is not null and result_bytes is not null and result_sha256 is not null and state = 'SUCCEEDED'
        else false end)
);
--> statement-breakpoint
CREATE TABLE "mobula"."capacity" (
	"runner" "mobula"."runner_name" NOT NULL,
	"cluster" text NOT NULL,
	"running" integer DEFAULT 0 NOT NULL,
	"changes" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "capacity_runner_cluster_pk" PRIMARY KEY("runner","cluster"),
	CONSTRAINT "capacity_running" CHECK (running >= 0)
);
--> statement-breakpoint
CREATE TABLE "mobula"."executions" (
	"id" uuid PRIMARY KEY NOT NULL,
	"enqueued_at" timestamp with time zone NOT NULL,
	"due_at" timestamp with time zone NOT NULL,
	"run_after" timestamp with time zone,
	"expires_at" timestamp with time zone,
	"check_at" timestamp with time zone,
	"claimed_at" timestamp with time zone,
	"started_at" timestamp with time zone,
	"begun_at" timestamp with time zone,
	"beat_at" timestamp with time zone,
	"ray_ended_at" timestamp with time zone,
	"finished_at" timestamp with time zone,
	"epoch" bigint DEFAULT 0 NOT NULL,
	"version" bigint DEFAULT 1 NOT NULL,
	"timeout_seconds" double precision,
	"queue_timeout_seconds" double precision,
	"holder" uuid,
	"nonce" uuid,
	"attempt" integer DEFAULT 0 NOT NULL,
	"max_attempts" integer NOT NULL,
	"priority" smallint DEFAULT 0 NOT NULL,
	"state" "mobula"."execution_state" DEFAULT 'QUEUED' NOT NULL,
	"form" "mobula"."task_form" NOT NULL,
	"runner" "mobula"."runner_name",
	"ready" boolean NOT NULL,
	"queue" text NOT NULL,
	"task" text NOT NULL,
	"cluster" text,
	"ray_session" text,
	"unique_key" text,
	"idempotency_key" text,
	"progress" text,
	CONSTRAINT "executions_priority" CHECK (priority between -100 and 100),
	CONSTRAINT "executions_attempts" CHECK (attempt >= 0 and attempt <= max_attempts),
	CONSTRAINT "executions_names" CHECK (length(queue) between 1 and 200 and length(task) between 1 and 200),
	CONSTRAINT "executions_finished_at" CHECK ((finished_at is not null) = (state in ('SUCCEEDED', 'FAILED', 'CANCELLED', 'LOST', 'EXPIRED'))),
	CONSTRAINT "executions_in_flight" CHECK (state not in ('RUNNING', 'CANCELLING') or (attempt > 0 and runner is not null and claimed_at is not null and check_at is not null)),
	CONSTRAINT "executions_nonce" CHECK (nonce is null or begun_at is not null),
	CONSTRAINT "executions_cluster" CHECK ((runner is null or runner = 'inline') = (cluster is null))
);
--> statement-breakpoint
CREATE TABLE "mobula"."final_tallies" (
	"state" "mobula"."execution_state" NOT NULL,
	"count" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "mobula"."idempotency_keys" (
	"key" text PRIMARY KEY NOT NULL,
	"request_sha256" "bytea" NOT NULL,
	"execution_ids" uuid[] NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"purged_at" timestamp with time zone,
	"settled" boolean DEFAULT false NOT NULL,
	CONSTRAINT "idempotency_keys_length" CHECK (length(key) between 1 and 255)
);
--> statement-breakpoint
CREATE TABLE "mobula"."inputs" (
	"execution_id" uuid PRIMARY KEY NOT NULL,
	"input" text NOT NULL,
	"metadata" text
);
--> statement-breakpoint
CREATE TABLE "mobula"."invocations" (
	"id" uuid PRIMARY KEY NOT NULL,
	"lease_until" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "mobula"."result_objects" (
	"reference" text PRIMARY KEY NOT NULL,
	"sha256" text NOT NULL,
	"bytes" bigint NOT NULL,
	"registered_at" timestamp with time zone NOT NULL,
	"pending" integer DEFAULT 1 NOT NULL,
	"removing_at" timestamp with time zone,
	CONSTRAINT "result_objects_pending" CHECK (pending >= 0)
);
--> statement-breakpoint
CREATE INDEX "attempts_ray_record" ON "mobula"."attempts" USING btree ("cluster","ray_record_until") WHERE ray_record_until is not null;--> statement-breakpoint
CREATE INDEX "attempts_result_reference" ON "mobula"."attempts" USING btree ("result_reference") WHERE result_state = 'stored';--> statement-breakpoint
CREATE INDEX "executions_claim" ON "mobula"."executions" USING btree ("form","queue","priority" DESC NULLS FIRST,"due_at","id") WHERE state = 'QUEUED' and ready;--> statement-breakpoint
CREATE INDEX "executions_delayed" ON "mobula"."executions" USING btree ("due_at") WHERE state = 'QUEUED' and not ready;--> statement-breakpoint
CREATE INDEX "executions_expiry" ON "mobula"."executions" USING btree ("expires_at") WHERE state = 'QUEUED' and expires_at is not null;--> statement-breakpoint
CREATE INDEX "executions_check" ON "mobula"."executions" USING btree ("check_at") WHERE state in ('RUNNING', 'CANCELLING');--> statement-breakpoint
CREATE INDEX "executions_finished" ON "mobula"."executions" USING btree ("finished_at") WHERE finished_at is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "executions_unique_key" ON "mobula"."executions" USING btree ("task","unique_key") WHERE unique_key is not null and state in ('QUEUED', 'RUNNING', 'CANCELLING');--> statement-breakpoint
CREATE INDEX "idempotency_keys_purged" ON "mobula"."idempotency_keys" USING btree ("purged_at") WHERE purged_at is not null;--> statement-breakpoint
CREATE INDEX "result_objects_registered" ON "mobula"."result_objects" USING btree ("registered_at");
--> statement-breakpoint
-- Rows are updated in place: room on the page keeps beats heap-only, and vacuum must come often, not late.
ALTER TABLE "mobula"."executions" SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 1);--> statement-breakpoint
ALTER TABLE "mobula"."invocations" SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);--> statement-breakpoint
ALTER TABLE "mobula"."capacity" SET (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);
