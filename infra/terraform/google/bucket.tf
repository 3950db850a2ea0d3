# No lifecycle rule: a result lives as long as its row, and purging rows removes it. A rule would leave rows that lie.
resource "google_storage_bucket" "results" {
  name                        = "${var.project}-${var.name}-results"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.deletion_protection

  dynamic "cors" {
    for_each = length(var.cors_origins) > 0 ? [var.cors_origins] : []
    content {
      origin          = cors.value
      method          = ["GET"]
      response_header = ["content-type", "content-length"]
      max_age_seconds = 600
    }
  }
}
