variable "repositories" {
  description = "Names of the repositories of images."
  type        = set(string)

  validation {
    condition     = alltrue([for name in var.repositories : can(regex("^[a-z0-9]+([._/-][a-z0-9]+)*$", name))])
    error_message = "A repository's name has lower-case letters and digits, and single . _ - / between them."
  }
}

variable "kms_key_arn" {
  description = "KMS key that encrypts the images."
  type        = string

  validation {
    condition     = startswith(var.kms_key_arn, "arn:")
    error_message = "The key is given by its ARN."
  }
}

variable "kept_images" {
  description = "Released images kept in each repository."
  type        = number
  default     = 30

  validation {
    condition     = var.kept_images >= 2 && var.kept_images <= 1000
    error_message = "Keep 2 to 1,000 images: the one that runs and the one to go back to."
  }
}

variable "force_delete" {
  description = "Delete a repository with its images; for environments that come and go."
  type        = bool
  default     = false
}
