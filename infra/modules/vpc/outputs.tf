output "vpc_id" {
  description = "Id of the VPC."
  value       = aws_vpc.this.id
}

output "cidr" {
  description = "Address range of the VPC."
  value       = aws_vpc.this.cidr_block
}

output "public_subnet_ids" {
  description = "Ids of the public subnets, in the order of the zones' letters."
  value       = [for zone in local.zones : aws_subnet.public[zone].id]
}

output "app_subnet_ids" {
  description = "Ids of the app subnets, in the order of the zones' letters."
  value       = [for zone in local.zones : aws_subnet.app[zone].id]
}

output "db_subnet_ids" {
  description = "Ids of the db subnets, in the order of the zones' letters."
  value       = [for zone in local.zones : aws_subnet.db[zone].id]
}

output "nat_gateway_count" {
  description = "Number of NAT gateways."
  value       = length(aws_nat_gateway.this)
}

output "nat_public_ips" {
  description = "Addresses from which the platform calls others, by zone."
  value       = { for zone, address in aws_eip.nat : zone => address.public_ip }
}
