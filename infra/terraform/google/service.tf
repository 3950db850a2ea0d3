data "google_project" "this" {}

locals {
  # Known before the service is there, which lets the service know it too.
  url = "https://${var.name}-${data.google_project.this.number}.${var.region}.run.app"

  settings = merge({
    MOBULA_PUBLIC_URL                = local.url
    MOBULA_OIDC_AUDIENCE             = local.url
    MOBULA_OIDC_EMAILS               = google_service_account.scheduler.email
    MOBULA_INVOCATION_SECONDS        = tostring(var.invocation_seconds)
    MOBULA_RESULT_STORAGE_BACKEND    = "gcs"
    MOBULA_RESULT_STORAGE_GCS_BUCKET = google_storage_bucket.results.name
  }, var.settings)
}

resource "google_project_service" "this" {
  for_each = toset(["run", "cloudscheduler", "secretmanager", "iamcredentials"])

  service            = "${each.key}.googleapis.com"
  disable_on_destroy = false
}

resource "google_cloud_run_v2_service" "this" {
  name                = var.name
  location            = var.region
  deletion_protection = var.deletion_protection
  ingress             = "INGRESS_TRAFFIC_ALL"

  # The app is closed by itself, with a proof for every caller: Cloud Run's own check knows neither drivers nor pages.
  invoker_iam_disabled = true

  template {
    service_account = google_service_account.app.email
    # An answer at the very end of the budget still has to get out.
    timeout                          = "${var.invocation_seconds + 20}s"
    max_instance_request_concurrency = 40

    scaling {
      min_instance_count = 0
      max_instance_count = var.max_instances
    }

    containers {
      image = var.image

      resources {
        limits = {
          cpu    = "1"
          memory = "512Mi"
        }
        cpu_idle          = true
        startup_cpu_boost = true
      }

      # Asked from inside. From outside Google keeps paths that end in z for itself: use /health there.
      startup_probe {
        period_seconds    = 1
        failure_threshold = 30

        http_get {
          path = "/livez"
        }
      }

      dynamic "env" {
        for_each = local.settings
        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = var.secrets
        content {
          name = env.key
          value_source {
            secret_key_ref {
              secret  = env.value
              version = "latest"
            }
          }
        }
      }
    }
  }

  depends_on = [google_project_service.this, google_secret_manager_secret_iam_member.app]
}
