# The network: addresses, ways out, and that the db tier has none.

provider "aws" {
  region = "ap-northeast-2"
}

variables {
  name             = "traffic-tacos"
  cluster_name     = "ticket-cluster"
  logs_kms_key_arn = "arn:aws:kms:ap-northeast-2:123456789012:key/logs"
}

run "network" {
  command = plan

  module {
    source = "../modules/vpc"
  }

  assert {
    condition     = aws_vpc.this.cidr_block == "10.180.0.0/20"
    error_message = "The VPC is 10.180.0.0/20."
  }

  assert {
    condition     = { for zone, subnet in aws_subnet.public : zone => subnet.cidr_block } == { a = "10.180.0.0/24", c = "10.180.1.0/24" }
    error_message = "The public subnets are 10.180.0.0/24 and 10.180.1.0/24 in zones a and c."
  }

  assert {
    condition     = { for zone, subnet in aws_subnet.app : zone => subnet.cidr_block } == { a = "10.180.4.0/22", c = "10.180.8.0/22" }
    error_message = "The app subnets are 10.180.4.0/22 and 10.180.8.0/22 in zones a and c."
  }

  assert {
    condition     = { for zone, subnet in aws_subnet.db : zone => subnet.cidr_block } == { a = "10.180.2.0/24", c = "10.180.3.0/24" }
    error_message = "The db subnets are 10.180.2.0/24 and 10.180.3.0/24 in zones a and c."
  }

  assert {
    condition = toset([for subnet in aws_subnet.db : subnet.availability_zone]) == toset([
      "ap-northeast-2a", "ap-northeast-2c"
    ])
    error_message = "Subnets are in the provider's region."
  }

  assert {
    condition = alltrue([
      for subnet in concat(values(aws_subnet.public), values(aws_subnet.app), values(aws_subnet.db)) :
      subnet.map_public_ip_on_launch != true
    ])
    error_message = "No subnet gives public addresses by itself."
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 2 && length(aws_eip.nat) == 2
    error_message = "By default each zone has its NAT gateway."
  }

  assert {
    condition     = length(aws_route_table.db.route) == 0
    error_message = "The db tier's route table has no route."
  }

  assert {
    condition     = aws_route.public_internet.destination_cidr_block == "0.0.0.0/0"
    error_message = "The public tier has a default route."
  }

  assert {
    condition     = alltrue([for subnet in aws_subnet.public : subnet.tags["kubernetes.io/role/elb"] == "1"])
    error_message = "Public load balancers find their subnets by tag."
  }

  assert {
    condition     = alltrue([for subnet in aws_subnet.app : subnet.tags["kubernetes.io/role/internal-elb"] == "1"])
    error_message = "Internal load balancers find their subnets by tag."
  }

  assert {
    condition = alltrue([for subnet in aws_subnet.app : subnet.tags["karpenter.sh/discovery"] == "ticket-cluster"]) && alltrue([
      for subnet in concat(values(aws_subnet.public), values(aws_subnet.db)) : !contains(keys(subnet.tags), "karpenter.sh/discovery")
    ])
    error_message = "Karpenter puts nodes into the app tier only."
  }

  assert {
    condition     = toset(keys(aws_vpc_endpoint.gateway)) == toset(["s3", "dynamodb"])
    error_message = "S3 and DynamoDB have gateway endpoints."
  }

  assert {
    condition = toset([for endpoint in aws_vpc_endpoint.interface : endpoint.service_name]) == toset([
      for service in ["sqs", "events", "ecr.api", "ecr.dkr", "sts", "secretsmanager", "logs"] : "com.amazonaws.ap-northeast-2.${service}"
    ])
    error_message = "SQS, EventBridge, ECR, STS, Secrets Manager and CloudWatch Logs have interface endpoints."
  }

  assert {
    condition     = alltrue([for endpoint in aws_vpc_endpoint.interface : endpoint.private_dns_enabled])
    error_message = "Clients find interface endpoints by the service's own name."
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.endpoints_https.cidr_ipv4 == "10.180.0.0/20"
    error_message = "Interface endpoints are open to the VPC only."
  }

  assert {
    condition     = aws_flow_log.this.traffic_type == "ALL" && aws_cloudwatch_log_group.flow.kms_key_id == var.logs_kms_key_arn
    error_message = "All traffic is logged, with a key."
  }

  assert {
    condition     = length(aws_default_security_group.this.ingress) == 0 && length(aws_default_security_group.this.egress) == 0
    error_message = "The default security group lets nothing through."
  }

  assert {
    condition     = !contains([for rule in aws_network_acl.public.ingress : rule.from_port], 22)
    error_message = "SSH reaches no tier unless asked for."
  }

  assert {
    condition     = alltrue([for rule in aws_network_acl.db.ingress : startswith(rule.cidr_block, "10.180.")])
    error_message = "Nothing from outside the VPC enters the db tier."
  }

  assert {
    condition = toset([for rule in aws_network_acl.db.ingress : rule.from_port if rule.protocol == "tcp"]) == toset([6379]) && (
      length(setintersection([for rule in aws_network_acl.db.ingress : rule.cidr_block], ["10.180.0.0/24", "10.180.1.0/24"])) == 0
    )
    error_message = "The db tier takes Redis from the app tier, and nothing from the public one."
  }

  assert {
    condition     = alltrue([for rule in aws_network_acl.db.egress : startswith(rule.cidr_block, "10.180.")])
    error_message = "Nothing leaves the VPC from the db tier."
  }
}

# Ids are known after an apply: which table each route and subnet really has.
run "db_tier_has_no_way_out" {
  command = apply

  module {
    source = "../modules/vpc"
  }

  assert {
    condition = !contains(
      concat([aws_route.public_internet.route_table_id], [for route in aws_route.app_nat : route.route_table_id]), aws_route_table.db.id
    )
    error_message = "A default route is in the db tier's table."
  }

  assert {
    condition     = alltrue([for association in aws_route_table_association.db : association.route_table_id == aws_route_table.db.id])
    error_message = "A db subnet has another tier's table."
  }

  assert {
    condition     = length(setintersection(flatten([for endpoint in aws_vpc_endpoint.gateway : endpoint.route_table_ids]), [aws_route_table.db.id])) == 0
    error_message = "A gateway endpoint is in the db tier's table."
  }

  assert {
    condition = alltrue([
      for zone, route in aws_route.app_nat : route.nat_gateway_id == aws_nat_gateway.this[zone].id
    ])
    error_message = "A zone's traffic leaves through its own NAT gateway."
  }

  assert {
    condition = alltrue([
      for zone, gateway in aws_nat_gateway.this : gateway.subnet_id == aws_subnet.public[zone].id
    ])
    error_message = "NAT gateways stand in the public tier."
  }
}

run "one_nat_gateway" {
  command = plan

  module {
    source = "../modules/vpc"
  }

  variables {
    single_nat_gateway = true
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 1 && length(aws_route.app_nat) == 2
    error_message = "One gateway serves both zones."
  }
}

run "ssh_for_an_office" {
  command = plan

  module {
    source = "../modules/vpc"
  }

  variables {
    ssh_allowed_cidrs = ["198.51.100.0/24"]
  }

  assert {
    condition     = [for rule in aws_network_acl.public.ingress : rule.cidr_block if rule.from_port == 22] == ["198.51.100.0/24"]
    error_message = "SSH reaches the public tier from the allow-list."
  }
}

run "refuses_a_range_that_is_none" {
  command = plan

  module {
    source = "../modules/vpc"
  }

  variables {
    cidr = "10.180.0.0"
  }

  expect_failures = [var.cidr]
}
