locals {
  settings = merge({
    MOBULA_RESULT_STORAGE_BACKEND   = "s3"
    MOBULA_RESULT_STORAGE_S3_BUCKET = aws_s3_bucket.results.bucket
    MOBULA_RESULT_STORAGE_S3_REGION = var.region
  }, var.settings)
}

resource "aws_lambda_function" "this" {
  function_name    = var.name
  role             = aws_iam_role.app.arn
  filename         = var.package
  source_code_hash = filebase64sha256(var.package)
  handler          = var.handler
  runtime          = "nodejs24.x"
  architectures    = ["arm64"]
  timeout          = var.invocation_seconds
  memory_size      = var.memory_mb

  environment {
    variables = merge(local.settings, var.secrets)
  }

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.this.name
  }
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_days
}

# The cron calls it asynchronously. What fails is not tried again, nor is an old call made up for: the next minute does the
# same.
resource "aws_lambda_function_event_invoke_config" "this" {
  function_name                = aws_lambda_function.this.function_name
  maximum_retry_attempts       = 0
  maximum_event_age_in_seconds = 60
}

# Open to all, because the app is closed by itself, with a proof for every caller: IAM knows neither drivers nor pages.
resource "aws_lambda_function_url" "this" {
  function_name      = aws_lambda_function.this.function_name
  authorization_type = "NONE"
}

resource "aws_lambda_permission" "url" {
  statement_id           = "url"
  action                 = "lambda:InvokeFunctionUrl"
  function_name          = aws_lambda_function.this.function_name
  principal              = "*"
  function_url_auth_type = "NONE"
}

# Both are asked for since October 2025. This one is good through the URL alone: a direct call would be trusted.
resource "aws_lambda_permission" "through_url" {
  statement_id             = "through-url"
  action                   = "lambda:InvokeFunction"
  function_name            = aws_lambda_function.this.function_name
  principal                = "*"
  invoked_via_function_url = true
}
