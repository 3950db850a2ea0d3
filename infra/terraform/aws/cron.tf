locals {
  cron = {
    run   = { schedule = "rate(1 minute)", route = "/run" }
    purge = { schedule = "cron(17 3 * * ? *)", route = "/purge" }
  }
}

# It invokes the function directly: IAM is the proof, and no secret is involved.
resource "aws_scheduler_schedule" "this" {
  for_each = local.cron

  name                = "${var.name}-${each.key}"
  schedule_expression = each.value.schedule

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_function.this.arn
    role_arn = aws_iam_role.cron.arn
    input    = jsonencode({ route = each.value.route })

    retry_policy {
      maximum_retry_attempts       = 0
      maximum_event_age_in_seconds = 60
    }
  }
}
