# Two accounts: the one that the app runs as, and the one that its cron proves itself by. Neither has a key.

resource "google_service_account" "app" {
  account_id   = "${var.name}-app"
  display_name = "Mobula: the app"
}

# It needs no role: the app reads its address from a token, and knows it by MOBULA_OIDC_EMAILS.
resource "google_service_account" "scheduler" {
  account_id   = "${var.name}-cron"
  display_name = "Mobula: its cron"
}

resource "google_secret_manager_secret_iam_member" "app" {
  for_each = var.secrets

  secret_id = each.value
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.app.member
}

resource "google_project_iam_custom_role" "results" {
  role_id     = "${replace(var.name, "-", "_")}_results"
  title       = "Mobula: results in a bucket"
  description = "Without the list, Google answers 403 instead of 404 for what is not there."
  permissions = ["storage.objects.create", "storage.objects.delete", "storage.objects.get", "storage.objects.list"]
}

resource "google_storage_bucket_iam_member" "app" {
  bucket = google_storage_bucket.results.name
  role   = google_project_iam_custom_role.results.id
  member = google_service_account.app.member
}

# Without a key of its own the app has Google sign the URLs by which drivers upload and pages download.
resource "google_project_iam_custom_role" "signer" {
  role_id     = "${replace(var.name, "-", "_")}_signer"
  title       = "Mobula: signs URLs as itself"
  permissions = ["iam.serviceAccounts.signBlob"]
}

resource "google_service_account_iam_member" "signer" {
  service_account_id = google_service_account.app.name
  role               = google_project_iam_custom_role.signer.id
  member             = google_service_account.app.member
}
