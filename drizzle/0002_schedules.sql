CREATE TABLE "mobula"."schedules" (
	"name" text PRIMARY KEY NOT NULL,
	"timetable" text NOT NULL,
	"next_at" timestamp with time zone
);
