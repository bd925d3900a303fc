terraform {
  required_version = ">= 1.11" # write-only arguments, S3 backend with a native lock file

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }

  # What is missing here comes from a file that infra/bootstrap writes:
  # terraform init -backend-config=backend.hcl
  backend "s3" {
    key                  = "traffic-tacos/terraform.tfstate"
    workspace_key_prefix = "env"
    encrypt              = true
    use_lockfile         = true
  }
}
