# Like prod in kind, smaller in number: what works here works there.
environment = "staging"
domain_name = "staging.tickets.example" # the owner's
protect     = false

single_nat_gateway = false

node_groups = {
  ondemand = {
    instance_types = ["t3.large"]
    min_size       = 2
    max_size       = 6
    desired_size   = 2
  }
  mix = {
    instance_types = ["t3.medium", "t3.large", "t3.xlarge"]
    capacity_type  = "SPOT"
    min_size       = 1
    max_size       = 10
    desired_size   = 1
  }
  monitoring = {
    instance_types = ["t3.large"]
    min_size       = 1
    max_size       = 2
    desired_size   = 1
    labels         = { workload = "monitoring" }
    taints         = { workload = "monitoring" }
  }
  loadtest = {
    instance_types = ["c6i.2xlarge", "c6a.2xlarge", "c5.2xlarge"]
    capacity_type  = "SPOT"
    min_size       = 0
    max_size       = 20
    desired_size   = 0
    labels         = { workload = "loadtest" }
    taints         = { workload = "loadtest" }
  }
}

redis = {
  node_type     = "cache.m7g.large"
  shards        = 2
  replicas      = 1
  snapshot_days = 3
  scaling       = { min_shards = 2, max_shards = 4, cpu_percent = 70 }
}

table_max_units    = { read = 20000, write = 20000 }
bot_control        = true
log_retention_days = 30
monthly_budget_usd = 3000
