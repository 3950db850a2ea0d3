variable "region" {
  description = "Where the function, its cron and its bucket are; near the database, which every call speaks to."
  type        = string
}

variable "name" {
  description = "What everything is called."
  type        = string
  default     = "mobula"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "A name has 3 to 31 small letters, digits and hyphens, and begins with a letter."
  }
}

variable "package" {
  description = "The path of the zip with the bundled function in it."
  type        = string
}

variable "handler" {
  description = "The file in the zip, without its ending, and what it exports."
  type        = string
  default     = "index.handler"
}

variable "secrets" {
  description = "Settings that nobody may see. They are in the function's environment and, as everything that Terraform sets, in its state: keep that encrypted."
  type        = map(string)
  sensitive   = true

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
  description = "How long one call may take; Mobula ends a little sooner by itself."
  type        = number
  default     = 300

  validation {
    condition     = var.invocation_seconds >= 10 && var.invocation_seconds <= 900
    error_message = "10 to 900: no function runs for longer."
  }
}

variable "memory_mb" {
  description = "Memory, and with it the share of a processor."
  type        = number
  default     = 512
}

variable "cors_origins" {
  description = "Origins that may fetch large results from the bucket itself. A page that comes by the app's redirect has the origin `null`, so in practice this is [\"*\"] or nothing; the signed URL is what protects a result."
  type        = list(string)
  default     = []
}

variable "log_days" {
  description = "How long logs are kept."
  type        = number
  default     = 30
}
