locals {
  cron = {
    run = {
      schedule = "* * * * *"
      path     = "/run"
      seconds  = var.invocation_seconds + 20
    }
    purge = {
      schedule = "17 3 * * *"
      path     = "/purge"
      seconds  = var.invocation_seconds + 20
    }
  }
}

# An empty body means the defaults, which is all that a cron may say to /purge. What fails is not tried again: the next
# minute does the same, and calls may overlap.
resource "google_cloud_scheduler_job" "this" {
  for_each = local.cron

  name             = "${var.name}-${each.key}"
  region           = var.region
  schedule         = each.value.schedule
  time_zone        = "Etc/UTC"
  attempt_deadline = "${each.value.seconds}s"

  retry_config {
    retry_count = 0
  }

  http_target {
    http_method = "POST"
    uri         = "${local.url}${each.value.path}"

    oidc_token {
      service_account_email = google_service_account.scheduler.email
      audience              = local.url
    }
  }

  depends_on = [google_cloud_run_v2_service.this]
}
