# Tables as the contract names them, and what each role may do with them.

provider "aws" {
  region = "ap-northeast-2"
}

variables {
  kms_key_arn      = "arn:aws:kms:ap-northeast-2:123456789012:key/data"
  alarm_topic_arns = ["arn:aws:sns:ap-northeast-2:123456789012:critical"]
}

run "tables" {
  command = plan

  module {
    source = "../modules/dynamodb"
  }

  assert {
    condition = toset([for table in aws_dynamodb_table.this : table.name]) == toset([
      "ticket-tickets", "ticket-ticket-events", "ticket-reservation-reservations", "ticket-reservation-orders",
      "ticket-reservation-idempotency", "ticket-reservation-outbox", "ticket-users",
    ])
    error_message = "The tables are the contract's seven."
  }

  assert {
    condition     = alltrue([for table in aws_dynamodb_table.this : table.billing_mode == "PAY_PER_REQUEST"])
    error_message = "Every table is on demand."
  }

  assert {
    condition = alltrue([
      for table in aws_dynamodb_table.this :
      table.point_in_time_recovery[0].enabled && table.point_in_time_recovery[0].recovery_period_in_days == 35
    ])
    error_message = "Every table can be restored to any second of 35 days."
  }

  assert {
    condition = alltrue([
      for table in aws_dynamodb_table.this :
      table.server_side_encryption[0].enabled && table.server_side_encryption[0].kms_key_arn == var.kms_key_arn
    ])
    error_message = "Every table is encrypted with our key."
  }

  assert {
    condition = { for name, table in aws_dynamodb_table.this : name => "${table.hash_key} ${coalesce(table.range_key, "-")}" } == {
      ticket-tickets                  = "pk sk"
      ticket-ticket-events            = "pk sk"
      ticket-reservation-reservations = "pk sk"
      ticket-reservation-orders       = "pk sk"
      ticket-reservation-idempotency  = "pk -"
      ticket-reservation-outbox       = "pk sk"
      ticket-users                    = "user_id -"
    }
    error_message = "Keys are the contract's."
  }

  assert {
    condition = {
      for name, table in aws_dynamodb_table.this : name => [
        for index in table.global_secondary_index : "${index.name} ${index.hash_key} ${coalesce(index.range_key, "-")} ${index.projection_type}"
      ] if length(table.global_secondary_index) > 0
      } == {
      ticket-tickets                  = ["GSI1 gsi1pk gsi1sk ALL"]
      ticket-reservation-reservations = ["GSI1 gsi1pk gsi1sk ALL"]
      ticket-reservation-orders       = ["GSI1 gsi1pk gsi1sk ALL"]
      ticket-users                    = ["username-index username - ALL"]
    }
    error_message = "Indexes are the contract's."
  }

  assert {
    condition = alltrue(flatten([
      for table in aws_dynamodb_table.this : [
        for index in table.global_secondary_index :
        contains([for attribute in table.attribute : attribute.name], index.hash_key)
      ]
    ]))
    error_message = "Every key of an index is a defined attribute."
  }

  assert {
    condition     = alltrue(flatten([for table in aws_dynamodb_table.this : [for attribute in table.attribute : attribute.type == "S"]]))
    error_message = "Every key attribute is a string."
  }

  assert {
    condition = toset([for name, table in aws_dynamodb_table.this : name if try(table.ttl[0].enabled, false)]) == toset([
      "ticket-reservation-idempotency", "ticket-reservation-outbox"
    ])
    error_message = "Answers and published events are forgotten by TTL, nothing else is."
  }

  assert {
    condition = { for name, table in aws_dynamodb_table.this : name => table.stream_view_type if table.stream_enabled == true } == {
      ticket-reservation-outbox = "NEW_IMAGE"
    }
    error_message = "The outbox has a stream of new images, nothing else has one."
  }

  assert {
    condition     = alltrue([for table in aws_dynamodb_table.this : table.deletion_protection_enabled == false])
    error_message = "Protection from deletion is off unless asked for."
  }

  assert {
    condition = length(aws_cloudwatch_metric_alarm.throttled) == 22 && (
      length([for alarm in aws_cloudwatch_metric_alarm.throttled : alarm if can(alarm.dimensions["GlobalSecondaryIndexName"])]) == 8
    )
    error_message = "Each of seven tables and four indexes has an alarm for throttled reads and one for writes."
  }

  assert {
    condition = alltrue([
      for alarm in aws_cloudwatch_metric_alarm.throttled :
      toset(alarm.alarm_actions) == toset(var.alarm_topic_arns) && toset(alarm.ok_actions) == toset(var.alarm_topic_arns)
    ])
    error_message = "Every alarm tells somebody, and tells of its end."
  }
}

run "protected_tables" {
  command = plan

  module {
    source = "../modules/dynamodb"
  }

  variables {
    deletion_protection = true
    max_units           = { read = 1000, write = 500 }
  }

  assert {
    condition     = alltrue([for table in aws_dynamodb_table.this : table.deletion_protection_enabled])
    error_message = "Protection from deletion reaches every table."
  }

  assert {
    condition = alltrue([
      for table in aws_dynamodb_table.this :
      table.on_demand_throughput[0].max_read_request_units == 1000 && table.on_demand_throughput[0].max_write_request_units == 500
    ])
    error_message = "The cap reaches every table."
  }
}

run "rights_of_roles" {
  command = plan

  module {
    source = "../modules/dynamodb"
  }

  assert {
    condition     = toset(keys(data.aws_iam_policy_document.service)) == toset(["api", "worker", "relay"])
    error_message = "There are policies for api, worker and relay."
  }

  assert {
    condition = alltrue([
      for service in ["api", "worker"] : !strcontains(data.aws_iam_policy_document.service[service].json, "dynamodb:Scan")
    ])
    error_message = "Neither api nor worker may Scan."
  }

  assert {
    condition = toset(flatten([
      for statement in jsondecode(data.aws_iam_policy_document.service["api"].json).Statement : statement.Action
      ])) == toset([
      "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query",
      "dynamodb:UpdateItem",
    ])
    error_message = "The API has exactly these actions."
  }

  assert {
    condition = alltrue(flatten([
      for service in ["api", "worker"] : [
        for statement in jsondecode(data.aws_iam_policy_document.service[service].json).Statement :
        !contains(flatten([statement.Action]), "dynamodb:DeleteItem") || statement.Sid == "TicketReservationOrders"
      ]
    ]))
    error_message = "Tickets, holds and answers are never deleted."
  }

  assert {
    condition = toset(flatten([
      for statement in jsondecode(data.aws_iam_policy_document.service["api"].json).Statement : statement.Action
      if statement.Sid == "TicketTicketEvents"
    ])) == toset(["dynamodb:PutItem", "dynamodb:Query"])
    error_message = "The history of tickets can be written and read, never changed."
  }

  assert {
    condition = [
      for statement in jsondecode(data.aws_iam_policy_document.service["api"].json).Statement : flatten([statement.Action])
      if statement.Sid == "TicketReservationOutbox"
    ] == [["dynamodb:PutItem"]]
    error_message = "The API only adds to the outbox."
  }

  assert {
    condition = sort(flatten([
      for statement in jsondecode(data.aws_iam_policy_document.service["api"].json).Statement :
      statement.Condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"] if statement.Sid == "TicketReservationOrders"
    ])) == sort(["ORDER#*", "PAYMENT#*", "PROVIDER#*"])
    error_message = "Orders are reached by the contract's key prefixes only."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(data.aws_iam_policy_document.service["worker"].json).Statement :
      can(statement.Condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]) && can(statement.Condition["Null"]["dynamodb:LeadingKeys"])
    ])
    error_message = "Every right of the worker names key prefixes, and needs a key to be named."
  }

  assert {
    condition     = !strcontains(data.aws_iam_policy_document.service["worker"].json, "table/ticket-users")
    error_message = "The worker has no business with accounts."
  }

  assert {
    condition = toset(flatten([
      for statement in jsondecode(data.aws_iam_policy_document.service["relay"].json).Statement : statement.Action
      ])) == toset([
      "dynamodb:DescribeStream", "dynamodb:GetItem", "dynamodb:GetRecords", "dynamodb:GetShardIterator",
      "dynamodb:ListStreams", "dynamodb:Scan", "dynamodb:UpdateItem",
    ])
    error_message = "The relay has exactly these actions."
  }

  assert {
    condition = toset(flatten([
      for statement in jsondecode(data.aws_iam_policy_document.service["relay"].json).Statement : [
        for resource in flatten([statement.Resource]) : regex("table/([a-z-]+)", resource)[0] if strcontains(resource, "table/")
      ]
    ])) == toset(["ticket-reservation-outbox"])
    error_message = "The relay reaches the outbox and no other table."
  }

  assert {
    condition = alltrue(flatten([
      for service in ["api", "worker"] : [
        for statement in jsondecode(data.aws_iam_policy_document.service[service].json).Statement : [
          for resource in flatten([statement.Resource]) : resource != "*"
        ]
      ]
    ]))
    error_message = "Neither api nor worker has a wildcard resource."
  }
}

run "refuses_36_days" {
  command = plan

  module {
    source = "../modules/dynamodb"
  }

  variables {
    recovery_days = 36
  }

  expect_failures = [var.recovery_days]
}
