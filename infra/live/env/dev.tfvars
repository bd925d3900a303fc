# The cheapest that still has every part.
environment = "dev"
domain_name = "dev.tickets.example" # the owner's
protect     = false

single_nat_gateway  = true
interface_endpoints = [] # through NAT

node_groups = {
  ondemand = {
    instance_types = ["t3.large"]
    min_size       = 1
    max_size       = 3
    desired_size   = 2
  }
  mix = {
    instance_types = ["t3.medium", "t3.large", "t3.xlarge"]
    capacity_type  = "SPOT"
    min_size       = 0
    max_size       = 3
    desired_size   = 0
  }
  monitoring = {
    instance_types = ["t3.large"]
    capacity_type  = "SPOT"
    min_size       = 1
    max_size       = 1
    desired_size   = 1
    labels         = { workload = "monitoring" }
    taints         = { workload = "monitoring" }
  }
  loadtest = {
    instance_types = ["c6i.xlarge", "c6a.xlarge", "c5.xlarge"]
    capacity_type  = "SPOT"
    min_size       = 0
    max_size       = 2
    desired_size   = 0
    labels         = { workload = "loadtest" }
    taints         = { workload = "loadtest" }
  }
}

redis = {
  node_type     = "cache.t4g.small"
  shards        = 1
  replicas      = 1
  snapshot_days = 0
}

table_max_units    = { read = 4000, write = 4000 }
bot_control        = false
log_retention_days = 7
monthly_budget_usd = 600
