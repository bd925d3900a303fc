output "zone_id" {
  description = "Id of the zone."
  value       = local.zone_id
}

output "name_servers" {
  description = "Name servers to enter at the registrar; empty when the zone was there already."
  value       = try(aws_route53_zone.this[0].name_servers, [])
}

output "names" {
  description = "Full names of the aliases."
  value       = local.names
}
