ALTER TABLE "mobula"."capacity" ADD COLUMN "away_until" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "mobula"."final_tallies" ADD COLUMN "digest_only" bigint DEFAULT 0 NOT NULL;