# What each role of the binary may do, as data: the actions on a table, the first characters of the
# partition keys it may name, and the same for the queries of its index. Nobody may Scan except the relay
# its outbox: at the start it looks for rows that nobody published. The history of tickets can be written
# and read, never changed.
#
# Transactions need no action of their own: each of their parts is judged as if it came alone.

locals {
  read_write = ["ConditionCheckItem", "GetItem", "PutItem", "Query", "UpdateItem"]

  domain = {
    ticket-tickets = {
      actions = local.read_write
      keys    = ["TICKET#*", "EVENT#*", "CHECKIN#*"]
      index   = ["EVENT#*", "CHECKINS#*"]
    }
    ticket-ticket-events = {
      actions = ["PutItem", "Query"]
      keys    = ["TICKET#*"]
      index   = []
    }
    ticket-reservation-reservations = {
      actions = local.read_write
      keys    = ["RESERVATION#*", "BUYER#*"]
      index   = ["USER#*"]
    }
    ticket-reservation-orders = {
      # What was asked of a payment provider is forgotten once it has answered.
      actions = concat(local.read_write, ["DeleteItem"])
      keys    = ["ORDER#*", "PAYMENT#*", "PROVIDER#*"]
      index   = ["RESERVATION#*"]
    }
    ticket-reservation-idempotency = {
      actions = ["ConditionCheckItem", "GetItem", "PutItem"]
      keys    = ["IDEMPOTENCY#*"]
      index   = []
    }
    ticket-reservation-outbox = {
      actions = ["PutItem"]
      keys    = ["OUTBOX#*"]
      index   = []
    }
  }

  grants = {
    # Serves clients: the whole domain, and accounts. A user's id is any text: no limit on the key.
    api = merge(local.domain, {
      ticket-users = {
        actions = ["ConditionCheckItem", "GetItem", "PutItem", "UpdateItem"]
        keys    = []
        index   = ["*"] # wildcard: the index's key is the user's name, which is any
      }
    })

    # Expires, confirms, settles: the domain without accounts.
    worker = local.domain

    # Takes the outbox to the buses.
    relay = {
      ticket-reservation-outbox = {
        actions = ["GetItem", "Scan", "UpdateItem"]
        keys    = []
        index   = []
      }
    }
  }

  streams = { relay = ["ticket-reservation-outbox"] }
}

data "aws_iam_policy_document" "service" {
  for_each = local.grants

  dynamic "statement" {
    for_each = each.value

    content {
      sid       = replace(title(replace(statement.key, "-", " ")), " ", "")
      actions   = [for action in sort(statement.value.actions) : "dynamodb:${action}"]
      resources = [local.arns[statement.key]]

      dynamic "condition" {
        for_each = length(statement.value.keys) > 0 ? [statement.value.keys] : []

        content {
          test     = "ForAllValues:StringLike"
          variable = "dynamodb:LeadingKeys"
          values   = condition.value
        }
      }

      # ForAllValues is true of a request that names no key at all, such as a PartiQL one.
      dynamic "condition" {
        for_each = length(statement.value.keys) > 0 ? [1] : []

        content {
          test     = "Null"
          variable = "dynamodb:LeadingKeys"
          values   = ["false"]
        }
      }
    }
  }

  dynamic "statement" {
    for_each = { for table, grant in each.value : table => grant.index if length(grant.index) > 0 }

    content {
      sid       = "${replace(title(replace(statement.key, "-", " ")), " ", "")}Index"
      actions   = ["dynamodb:Query"]
      resources = ["${local.arns[statement.key]}/index/${local.tables[statement.key].index.name}"]

      condition {
        test     = "ForAllValues:StringLike"
        variable = "dynamodb:LeadingKeys"
        values   = statement.value
      }

      condition {
        test     = "Null"
        variable = "dynamodb:LeadingKeys"
        values   = ["false"]
      }
    }
  }

  dynamic "statement" {
    for_each = toset(lookup(local.streams, each.key, []))

    content {
      sid       = "${replace(title(replace(statement.value, "-", " ")), " ", "")}Stream"
      actions   = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
      resources = ["${local.arns[statement.value]}/stream/*"] # a stream is named by the time it was made
    }
  }

  dynamic "statement" {
    for_each = lookup(local.streams, each.key, null) == null ? [] : [1]

    content {
      sid       = "FindStreams"
      actions   = ["dynamodb:ListStreams"]
      resources = ["*"] # wildcard: ListStreams knows no resource
    }
  }
}
