ALTER TABLE "mobula"."attempts" ADD COLUMN "shared_job" text;--> statement-breakpoint
ALTER TABLE "mobula"."executions" ADD COLUMN "shared_job" text;