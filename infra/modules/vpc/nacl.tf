# Stateless second line behind the security groups: answers need their own rules.

locals {
  app_ranges = { for index, zone in local.zones : index => var.subnets[zone].app }
  db_ranges  = { for index, zone in local.zones : index => var.subnets[zone].db }
}

resource "aws_network_acl" "public" {
  vpc_id     = aws_vpc.this.id
  subnet_ids = [for zone in local.zones : aws_subnet.public[zone].id]

  dynamic "ingress" {
    for_each = {
      100 = { protocol = "tcp", from = 80, to = 80, range = "0.0.0.0/0" }
      110 = { protocol = "tcp", from = 443, to = 443, range = "0.0.0.0/0" }
      # Answers to what the NAT gateways and load balancers asked for.
      120 = { protocol = "tcp", from = 1024, to = 65535, range = "0.0.0.0/0" }
      130 = { protocol = "udp", from = 1024, to = 65535, range = "0.0.0.0/0" }
      140 = { protocol = "-1", from = 0, to = 0, range = var.cidr }
    }

    content {
      rule_no    = ingress.key
      action     = "allow"
      protocol   = ingress.value.protocol
      from_port  = ingress.value.from
      to_port    = ingress.value.to
      cidr_block = ingress.value.range
    }
  }

  dynamic "ingress" {
    for_each = { for index, range in sort(var.ssh_allowed_cidrs) : 200 + index => range }

    content {
      rule_no    = ingress.key
      action     = "allow"
      protocol   = "tcp"
      from_port  = 22
      to_port    = 22
      cidr_block = ingress.value
    }
  }

  egress {
    rule_no    = 100
    action     = "allow"
    protocol   = "-1"
    from_port  = 0
    to_port    = 0
    cidr_block = "0.0.0.0/0"
  }

  tags = { Name = "${var.name}-public" }
}

resource "aws_network_acl" "app" {
  vpc_id     = aws_vpc.this.id
  subnet_ids = [for zone in local.zones : aws_subnet.app[zone].id]

  dynamic "ingress" {
    for_each = {
      100 = { protocol = "-1", from = 0, to = 0, range = var.cidr }
      # Answers through the NAT gateways and the gateway endpoints.
      110 = { protocol = "tcp", from = 1024, to = 65535, range = "0.0.0.0/0" }
      120 = { protocol = "udp", from = 1024, to = 65535, range = "0.0.0.0/0" }
    }

    content {
      rule_no    = ingress.key
      action     = "allow"
      protocol   = ingress.value.protocol
      from_port  = ingress.value.from
      to_port    = ingress.value.to
      cidr_block = ingress.value.range
    }
  }

  egress {
    rule_no    = 100
    action     = "allow"
    protocol   = "-1"
    from_port  = 0
    to_port    = 0
    cidr_block = "0.0.0.0/0"
  }

  tags = { Name = "${var.name}-app" }
}

# Redis from the app tier, its own replication, and nothing else in either direction.
resource "aws_network_acl" "db" {
  vpc_id     = aws_vpc.this.id
  subnet_ids = [for zone in local.zones : aws_subnet.db[zone].id]

  dynamic "ingress" {
    for_each = local.app_ranges

    content {
      rule_no    = 100 + ingress.key
      action     = "allow"
      protocol   = "tcp"
      from_port  = 6379
      to_port    = 6379
      cidr_block = ingress.value
    }
  }

  dynamic "ingress" {
    for_each = local.db_ranges

    content {
      rule_no    = 200 + ingress.key
      action     = "allow"
      protocol   = "-1"
      from_port  = 0
      to_port    = 0
      cidr_block = ingress.value
    }
  }

  dynamic "egress" {
    for_each = local.app_ranges

    content {
      rule_no    = 100 + egress.key
      action     = "allow"
      protocol   = "tcp"
      from_port  = 1024
      to_port    = 65535
      cidr_block = egress.value
    }
  }

  dynamic "egress" {
    for_each = local.db_ranges

    content {
      rule_no    = 200 + egress.key
      action     = "allow"
      protocol   = "-1"
      from_port  = 0
      to_port    = 0
      cidr_block = egress.value
    }
  }

  tags = { Name = "${var.name}-db" }
}
