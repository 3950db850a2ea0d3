variable "project" {
  description = "The id of the project that all of this is in."
  type        = string
}

variable "region" {
  description = "Where the service, its cron and its bucket are; near the database, which every call speaks to."
  type        = string
}

variable "name" {
  description = "What everything is called."
  type        = string
  default     = "mobula"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,20}$", var.name))
    error_message = "A name has 3 to 21 small letters, digits and hyphens, and begins with a letter: service accounts allow no more."
  }
}

variable "image" {
  description = "The image of infra/docker with your tasks in it, by its digest."
  type        = string

  validation {
    condition     = strcontains(var.image, "@sha256:")
    error_message = "An image is named by its digest (…@sha256:…), so that every instance runs the same code."
  }
}

variable "secrets" {
  description = "Settings whose values are in Secret Manager: from the setting's name to the secret's id. The values never come here."
  type        = map(string)

  validation {
    condition     = contains(keys(var.secrets), "DATABASE_URL") && contains(keys(var.secrets), "MOBULA_SECRET")
    error_message = "DATABASE_URL and MOBULA_SECRET are needed."
  }
}

variable "settings" {
  description = "All other settings, as the README lists them; they win over what is set here."
  type        = map(string)
  default     = {}
}

variable "invocation_seconds" {
  description = "The time budget of one call. Cloud Run is told to wait a little longer."
  type        = number
  default     = 300

  validation {
    condition     = var.invocation_seconds >= 10 && var.invocation_seconds <= 1500
    error_message = "10 to 1500: Cloud Scheduler waits for half an hour at most."
  }
}

variable "max_instances" {
  description = "How many instances there may be. Each keeps up to eight connections to the database."
  type        = number
  default     = 4
}

variable "cors_origins" {
  description = "Origins that may fetch large results from the bucket itself. A page that comes by the app's redirect has the origin `null`, so in practice this is [\"*\"] or nothing; the signed URL is what protects a result."
  type        = list(string)
  default     = []
}

variable "deletion_protection" {
  description = "Whether `terraform destroy` has to be refused."
  type        = bool
  default     = true
}
