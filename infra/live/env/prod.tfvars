# What an on-sale of a whole city needs. infra/README.md has the table of differences.
environment = "prod"
domain_name = "tickets.example" # the owner's
protect     = true

single_nat_gateway = false

node_groups = {
  ondemand = {
    instance_types = ["t3.large"]
    min_size       = 3
    max_size       = 30
    desired_size   = 3
  }
  mix = {
    instance_types = ["t3.medium", "t3.large", "t3.xlarge"]
    capacity_type  = "SPOT"
    min_size       = 2
    max_size       = 50
    desired_size   = 2
  }
  monitoring = {
    instance_types = ["t3.large"]
    min_size       = 2
    max_size       = 4
    desired_size   = 2
    disk_gib       = 100
    labels         = { workload = "monitoring" }
    taints         = { workload = "monitoring" }
  }
  loadtest = {
    instance_types = ["c6i.2xlarge", "c6a.2xlarge", "c5.2xlarge"]
    capacity_type  = "SPOT"
    min_size       = 0
    max_size       = 40
    desired_size   = 0
    labels         = { workload = "loadtest" }
    taints         = { workload = "loadtest" }
  }
}

redis = {
  node_type     = "cache.m7g.xlarge"
  shards        = 8
  replicas      = 1
  snapshot_days = 7
  scaling       = { min_shards = 8, max_shards = 20, cpu_percent = 70 }
}

bot_control         = true
backup_monthly_days = 365
trail_lock_days     = 365
log_retention_days  = 90
monthly_budget_usd  = 15000
