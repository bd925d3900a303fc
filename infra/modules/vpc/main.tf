data "aws_region" "current" {}

locals {
  region = data.aws_region.current.region
  zones  = sort(keys(var.subnets))

  # With a single gateway every zone's traffic leaves through the first zone.
  nat_zones = var.single_nat_gateway ? [local.zones[0]] : local.zones
  nat_zone  = { for zone in local.zones : zone => var.single_nat_gateway ? local.zones[0] : zone }
}

resource "aws_vpc" "this" {
  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true # private names of interface endpoints need it

  tags = { Name = var.name }
}

# Without rules: whoever forgets to name a security group reaches nothing.
resource "aws_default_security_group" "this" {
  vpc_id  = aws_vpc.this.id
  ingress = []
  egress  = []

  tags = { Name = "${var.name}-default-closed" }
}

# --- subnets ---

resource "aws_subnet" "public" {
  for_each = var.subnets

  vpc_id                  = aws_vpc.this.id
  availability_zone       = "${local.region}${each.key}"
  cidr_block              = each.value.public
  map_public_ip_on_launch = false # load balancers and NAT gateways bring their own addresses

  tags = {
    Name                                        = "${var.name}-public-${each.key}"
    Tier                                        = "public"
    "kubernetes.io/role/elb"                    = "1"
    "kubernetes.io/cluster/${var.cluster_name}" = "shared"
  }
}

resource "aws_subnet" "app" {
  for_each = var.subnets

  vpc_id            = aws_vpc.this.id
  availability_zone = "${local.region}${each.key}"
  cidr_block        = each.value.app

  tags = {
    Name                                        = "${var.name}-app-${each.key}"
    Tier                                        = "app"
    "kubernetes.io/role/internal-elb"           = "1"
    "kubernetes.io/cluster/${var.cluster_name}" = "shared"
    "karpenter.sh/discovery"                    = var.cluster_name
  }
}

resource "aws_subnet" "db" {
  for_each = var.subnets

  vpc_id            = aws_vpc.this.id
  availability_zone = "${local.region}${each.key}"
  cidr_block        = each.value.db

  tags = {
    Name = "${var.name}-db-${each.key}"
    Tier = "db"
  }
}

# --- ways out ---

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id

  tags = { Name = var.name }
}

resource "aws_eip" "nat" {
  for_each = toset(local.nat_zones)

  domain = "vpc"

  tags = { Name = "${var.name}-nat-${each.key}" }
}

resource "aws_nat_gateway" "this" {
  for_each = toset(local.nat_zones)

  allocation_id = aws_eip.nat[each.key].id
  subnet_id     = aws_subnet.public[each.key].id

  tags = { Name = "${var.name}-${each.key}" }

  # The gateway's first packets need the way out.
  depends_on = [aws_internet_gateway.this]
}

# --- route tables ---

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id

  tags = { Name = "${var.name}-public" }
}

resource "aws_route" "public_internet" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this.id
}

resource "aws_route_table" "app" {
  for_each = var.subnets

  vpc_id = aws_vpc.this.id

  tags = { Name = "${var.name}-app-${each.key}" }
}

resource "aws_route" "app_nat" {
  for_each = var.subnets

  route_table_id         = aws_route_table.app[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[local.nat_zone[each.key]].id
}

# The db tier's table has the VPC's own route and no other, now or ever: an empty list (not an absent
# one) makes Terraform remove what somebody adds by hand.
resource "aws_route_table" "db" {
  vpc_id = aws_vpc.this.id
  route  = []

  tags = { Name = "${var.name}-db" }
}

resource "aws_route_table_association" "public" {
  for_each = var.subnets

  subnet_id      = aws_subnet.public[each.key].id
  route_table_id = aws_route_table.public.id
}

resource "aws_route_table_association" "app" {
  for_each = var.subnets

  subnet_id      = aws_subnet.app[each.key].id
  route_table_id = aws_route_table.app[each.key].id
}

resource "aws_route_table_association" "db" {
  for_each = var.subnets

  subnet_id      = aws_subnet.db[each.key].id
  route_table_id = aws_route_table.db.id
}
