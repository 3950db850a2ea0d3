output "url" {
  description = "Where the app is."
  value       = local.url
}

output "app_account" {
  description = "The account that the app runs as, to be let into whatever its tasks need."
  value       = google_service_account.app.email
}

output "results_bucket" {
  description = "Where large results are."
  value       = google_storage_bucket.results.name
}
