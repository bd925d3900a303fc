locals {
  tags = {
    Project     = "traffic-tacos"
    Environment = var.environment
    ManagedBy   = "terraform"
  }

  allowed_account_ids = var.account_id == null ? null : [var.account_id]
}

provider "aws" {
  region              = var.region
  allowed_account_ids = local.allowed_account_ids

  default_tags {
    tags = local.tags
  }
}

# CloudFront takes certificates, web ACLs and log deliveries from there only.
provider "aws" {
  alias               = "us_east_1"
  region              = "us-east-1"
  allowed_account_ids = local.allowed_account_ids

  default_tags {
    tags = local.tags
  }
}
