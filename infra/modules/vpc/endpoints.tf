data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
}

# Data of this account only: stolen credentials of another one cannot carry anything out this way.
data "aws_iam_policy_document" "s3_endpoint" {
  statement {
    sid = "OwnPrincipals"
    # wildcard: an endpoint's policy limits who passes; what they may do is said by their own roles.
    actions = ["s3:*"]
    # wildcard: buckets of this account have generated suffixes; the condition is the limit.
    resources = ["*"]

    # wildcard: any principal, of the account in the condition.
    principals {
      type        = "AWS"
      identifiers = ["*"] # wildcard: see above
    }

    condition {
      test     = "StringEquals"
      variable = "aws:PrincipalAccount"
      values   = [local.account]
    }
  }

  # Layers of ECR's images and packages of Amazon Linux come from buckets that AWS owns.
  statement {
    sid     = "ImagesAndPackages"
    actions = ["s3:GetObject"]
    resources = [
      "arn:${local.partition}:s3:::prod-${local.region}-starport-layer-bucket/*",
      "arn:${local.partition}:s3:::al2023-repos-${local.region}-de612dc2/*",
    ]

    principals {
      type        = "AWS"
      identifiers = ["*"] # wildcard: these reads are signed by ECR or by nobody
    }
  }
}

data "aws_iam_policy_document" "dynamodb_endpoint" {
  statement {
    sid = "OwnTables"
    # wildcard: an endpoint's policy limits where traffic goes; actions are said by the roles.
    actions   = ["dynamodb:*"]
    resources = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/*"]

    principals {
      type        = "AWS"
      identifiers = ["*"] # wildcard: any principal, of the account in the condition
    }

    condition {
      test     = "StringEquals"
      variable = "aws:PrincipalAccount"
      values   = [local.account]
    }
  }
}

resource "aws_vpc_endpoint" "gateway" {
  for_each = {
    s3       = data.aws_iam_policy_document.s3_endpoint.json
    dynamodb = data.aws_iam_policy_document.dynamodb_endpoint.json
  }

  vpc_id            = aws_vpc.this.id
  vpc_endpoint_type = "Gateway"
  service_name      = "com.amazonaws.${local.region}.${each.key}"
  route_table_ids   = [for zone in local.zones : aws_route_table.app[zone].id]
  policy            = each.value

  tags = { Name = "${var.name}-${each.key}" }
}

resource "aws_security_group" "endpoints" {
  name        = "${var.name}-endpoints"
  description = "HTTPS to the interface endpoints from inside the VPC"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.name}-endpoints" }
}

resource "aws_vpc_security_group_ingress_rule" "endpoints_https" {
  security_group_id = aws_security_group.endpoints.id
  description       = "HTTPS from the VPC"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = var.cidr
}

resource "aws_vpc_endpoint" "interface" {
  for_each = var.interface_endpoints

  vpc_id              = aws_vpc.this.id
  vpc_endpoint_type   = "Interface"
  service_name        = "com.amazonaws.${local.region}.${each.key}"
  subnet_ids          = [for zone in local.zones : aws_subnet.app[zone].id]
  security_group_ids  = [aws_security_group.endpoints.id]
  private_dns_enabled = true

  tags = { Name = "${var.name}-${each.key}" }
}
