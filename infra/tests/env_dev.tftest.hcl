# The whole platform with the values of dev: terraform test -filter=env_dev.tftest.hcl -var-file=../live/env/dev.tfvars

run "dev" {
  command = plan

  module {
    source = "../live"
  }

  assert {
    condition     = output.environment == "dev"
    error_message = "These are the values of dev."
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

  # --- what dev is ---

  assert {
    condition     = output.profile.nat_gateways == 1
    error_message = "Dev has one NAT gateway."
  }

  assert {
    condition     = output.profile.interface_endpoints == 0
    error_message = "Dev has no interface endpoint."
  }

  assert {
    condition     = output.profile.protected == false
    error_message = "Dev comes and goes."
  }

  assert {
    condition     = jsonencode(output.profile.redis) == jsonencode({ node_type = "cache.t4g.small", start = 1, min = null, max = null })
    error_message = "Redis of dev has one small shard that does not scale."
  }

  assert {
    condition     = output.profile.table_max_units.read == 4000
    error_message = "The tables of dev are capped."
  }

  assert {
    condition     = !contains(output.profile.rules_of_web_acl, "bot-control")
    error_message = "Dev does not pay for Bot Control."
  }

  assert {
    condition     = output.profile.trail_lock_days == 0 && output.profile.log_retention_days == 7
    error_message = "Dev forgets soon."
  }

  assert {
    condition     = output.profile.node_groups["mix"].min == 0
    error_message = "Dev has no nodes of the mix at rest."
  }
}
