DROP INDEX "mobula"."executions_check";--> statement-breakpoint
CREATE INDEX "executions_held" ON "mobula"."executions" USING btree ("holder") WHERE state in ('RUNNING', 'CANCELLING') and runner = 'inline';--> statement-breakpoint
CREATE INDEX "executions_check" ON "mobula"."executions" USING btree ("check_at") WHERE state in ('RUNNING', 'CANCELLING') and runner <> 'inline';