# The whole platform with the values of prod: terraform test -filter=env_prod.tftest.hcl -var-file=../live/env/prod.tfvars

run "prod" {
  command = plan

  module {
    source = "../live"
  }

  assert {
    condition     = output.environment == "prod"
    error_message = "These are the values of prod."
  }

  # --- names of the contract ---

  assert {
    condition = toset(keys(output.tables)) == toset([
      "ticket-tickets", "ticket-ticket-events", "ticket-reservation-reservations", "ticket-reservation-orders",
      "ticket-reservation-idempotency", "ticket-reservation-outbox", "ticket-users",
    ])
    error_message = "The tables are the contract's."
  }

  assert {
    condition = output.dead_letter_queues == {
      traffic-tacos-inventory          = "traffic-tacos-inventory-dlq"
      traffic-tacos-payment-webhooks   = "traffic-tacos-payment-webhooks-dlq"
      traffic-tacos-reservation-events = "traffic-tacos-reservation-events-dlq"
      traffic-tacos-reservation-expiry = "traffic-tacos-reservation-expiry-dlq"
    }
    error_message = "The queues are the contract's, each with its dead-letter queue."
  }

  assert {
    condition = { for bus, rules in output.rules : bus => toset(rules) } == {
      ticket-ticket-events = toset(["everything", "ticket-created", "ticket-status-changed"])
      ticket-reservation-events = toset([
        "everything", "payment-settled", "reservation-cancelled", "reservation-confirmed", "reservation-created",
        "reservation-expired",
      ])
    }
    error_message = "The eight rules are on the contract's buses."
  }

  assert {
    condition     = output.cluster.name == "ticket-cluster"
    error_message = "The cluster is ticket-cluster."
  }

  # --- roles ---

  assert {
    condition = { for name, policies in output.role_policies : name => join(" ", sort(keys(policies))) } == {
      api    = "jwt-signing redis tables webhook-signing"
      relay  = "buses tables"
      worker = "queues redis tables"
    }
    error_message = "Each role of the binary has exactly its policies."
  }

  assert {
    condition = !strcontains(output.role_policies["api"]["tables"], "dynamodb:Scan") && !anytrue([
      for policy in values(output.role_policies["worker"]) : strcontains(policy, "events:PutEvents")
    ])
    error_message = "The API does not Scan, the worker does not publish."
  }

  assert {
    condition = alltrue(flatten([
      for policies in values(output.role_policies) : [
        for policy in values(policies) : [
          for statement in jsondecode(policy).Statement : [
            for action in flatten([statement.Action]) : !endswith(action, "*")
          ]
        ]
      ]
    ]))
    error_message = "No role of the binary has a wildcard action."
  }

  assert {
    condition = alltrue(flatten([
      for policies in values(output.role_policies) : [
        for policy in values(policies) : [
          for statement in jsondecode(policy).Statement : (
            !contains(flatten([statement.Resource]), "*") || join(" ", flatten([statement.Action])) == "dynamodb:ListStreams"
          )
        ]
      ]
    ]))
    error_message = "No role of the binary has a wildcard resource, but for ListStreams, which knows none."
  }

  assert {
    condition = toset(flatten([
      for statement in jsondecode(output.role_policies["relay"]["buses"]).Statement : [
        for resource in flatten([statement.Resource]) : split("/", resource)[1]
      ]
    ])) == toset(["ticket-ticket-events", "ticket-reservation-events"])
    error_message = "The relay publishes to the two buses."
  }

  # --- what prod is ---

  assert {
    condition     = output.profile.nat_gateways == 2
    error_message = "Prod has a NAT gateway in each zone."
  }

  assert {
    condition     = output.profile.interface_endpoints == 7
    error_message = "Prod reaches seven services by private endpoints."
  }

  assert {
    condition     = output.profile.protected == true
    error_message = "Tables of prod are protected from deletion."
  }

  assert {
    condition     = jsonencode(output.profile.redis) == jsonencode({ node_type = "cache.m7g.xlarge", start = 8, min = 8, max = 20 })
    error_message = "Redis of prod has 8 shards of cache.m7g.xlarge, up to 20."
  }

  assert {
    condition     = output.profile.table_max_units == null
    error_message = "Nothing caps the tables of prod."
  }

  assert {
    condition     = output.profile.node_groups["ondemand"].min == 3 && join(" ", output.profile.node_groups["ondemand"].instance_types) == join(" ", ["t3.large"])
    error_message = "Prod has three t3.large or more."
  }

  assert {
    condition     = join(" ", output.profile.node_groups["mix"].instance_types) == join(" ", ["t3.medium", "t3.large", "t3.xlarge"])
    error_message = "The mix is of t3.medium, large and xlarge."
  }

  assert {
    condition     = output.profile.node_groups["loadtest"].min == 0 && output.profile.node_groups["loadtest"].capacity_type == "SPOT"
    error_message = "The load test's nodes are spot, and none at rest."
  }

  assert {
    condition     = contains(output.profile.rules_of_web_acl, "suspicious-captcha") && !contains(output.profile.rules_of_web_acl, "load-test")
    error_message = "Prod asks suspicious clients for a CAPTCHA, and lets no load test through."
  }

  assert {
    condition     = output.profile.trail_lock_days == 365 && output.profile.backup_monthly_days == 365
    error_message = "The trail of prod is locked for a year, backups are kept for one."
  }
}
