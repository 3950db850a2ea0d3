output "url" {
  description = "Where the app is."
  value       = trimsuffix(aws_lambda_function_url.this.function_url, "/")
}

output "app_role" {
  description = "The role that the app runs as, to be let into whatever its tasks need."
  value       = aws_iam_role.app.arn
}

output "results_bucket" {
  description = "Where large results are."
  value       = aws_s3_bucket.results.bucket
}
