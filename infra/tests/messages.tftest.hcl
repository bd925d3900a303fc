# Queues, buses and rules of the contract; alarm topics.

provider "aws" {
  region = "ap-northeast-2"
}

variables {
  kms_key_arn      = "arn:aws:kms:ap-northeast-2:123456789012:key/messaging"
  logs_kms_key_arn = "arn:aws:kms:ap-northeast-2:123456789012:key/logs"
  alarm_topic_arns = ["arn:aws:sns:ap-northeast-2:123456789012:critical"]
}

run "queues" {
  command = plan

  module {
    source = "../modules/sqs"
  }

  variables {
    queues = {
      plain  = { description = "Without a rule" }
      expiry = { description = "With one", delay_seconds = 60, rules = ["bus/made"] }
    }
  }

  assert {
    condition = alltrue([
      for name, queue in aws_sqs_queue.this :
      endswith(jsondecode(queue.redrive_policy).deadLetterTargetArn, ":${name}-dlq") && jsondecode(queue.redrive_policy).maxReceiveCount == 3
    ])
    error_message = "Every queue has its dead-letter queue after three receives."
  }

  assert {
    condition = alltrue([
      for name, queue in aws_sqs_queue.dead_letter :
      jsondecode(queue.redrive_allow_policy).redrivePermission == "byQueue" &&
      endswith(jsondecode(queue.redrive_allow_policy).sourceQueueArns[0], ":${name}")
    ])
    error_message = "A dead-letter queue serves its own queue only."
  }

  assert {
    condition = alltrue([
      for queue in concat(values(aws_sqs_queue.this), values(aws_sqs_queue.dead_letter)) :
      queue.message_retention_seconds == 1209600 && queue.receive_wait_time_seconds == 20 && queue.visibility_timeout_seconds == 30
    ])
    error_message = "Retention is 14 days, long poll 20 s, visibility 30 s."
  }

  assert {
    condition     = aws_sqs_queue.this["expiry"].delay_seconds == 60 && aws_sqs_queue.this["plain"].delay_seconds == 0
    error_message = "The delay is the queue's own."
  }

  assert {
    condition     = alltrue([for queue in concat(values(aws_sqs_queue.this), values(aws_sqs_queue.dead_letter)) : queue.kms_master_key_id == var.kms_key_arn])
    error_message = "Every queue is encrypted with our key."
  }

  assert {
    condition = [
      for statement in jsondecode(data.aws_iam_policy_document.queue["expiry"].json).Statement : flatten([statement.Condition["ArnEquals"]["aws:SourceArn"]])
      if statement.Effect == "Allow"
    ] == [["arn:aws:events:ap-northeast-2:${split(":", output.arns["expiry"])[4]}:rule/bus/made"]]
    error_message = "Only the rule that the queue is for may send to it."
  }

  assert {
    condition     = alltrue([for statement in jsondecode(data.aws_iam_policy_document.queue["plain"].json).Statement : statement.Effect == "Deny"])
    error_message = "Nobody outside the account's roles may send to a queue without rules."
  }

  assert {
    condition = sort(flatten([
      for statement in jsondecode(output.consume_policy).Statement : statement.Action if statement.Sid == "Consume"
      ])) == sort([
      "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ReceiveMessage",
    ])
    error_message = "A worker's actions on its queues are exactly these."
  }

  assert {
    condition = [
      for statement in jsondecode(output.consume_policy).Statement : flatten([statement.Resource]) if statement.Sid == "SendAgain"
    ] == [[output.arns["expiry"]]]
    error_message = "A worker sends only to the queue whose messages wait."
  }

  assert {
    condition     = toset(flatten([for statement in jsondecode(output.observe_policy).Statement : statement.Action])) == toset(["sqs:GetQueueAttributes", "sqs:GetQueueUrl"])
    error_message = "Who looks at lengths takes no message."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.age["expiry"].threshold == 360 && aws_cloudwatch_metric_alarm.age["plain"].threshold == 300
    error_message = "The age that alarms is beyond the queue's delay."
  }

  assert {
    condition = alltrue([
      for alarm in concat(values(aws_cloudwatch_metric_alarm.age), values(aws_cloudwatch_metric_alarm.dead_letters)) :
      length(alarm.alarm_actions) > 0 && length(alarm.ok_actions) > 0
    ])
    error_message = "Every alarm tells somebody, and tells of its end."
  }
}

run "refuses_a_delay_of_an_hour" {
  command = plan

  module {
    source = "../modules/sqs"
  }

  variables {
    queues = { late = { description = "Too late", delay_seconds = 3600 } }
  }

  expect_failures = [var.queues]
}

run "buses" {
  command = plan

  module {
    source = "../modules/eventbridge"
  }

  variables {
    buses = ["first", "second"]
    rules = {
      made    = { bus = "first", source = "a.service", detail_types = ["Made"], queue = "work" }
      settled = { bus = "second", source = "b.service", detail_types = ["No", "Yes"] }
    }
    queue_arns = {
      work     = "arn:aws:sqs:ap-northeast-2:123456789012:work"
      work-dlq = "arn:aws:sqs:ap-northeast-2:123456789012:work-dlq"
    }
    notification_webhooks = ["https://hooks.example/tacos"]
  }

  assert {
    condition     = aws_cloudwatch_event_rule.this["made"].event_bus_name == "first" && aws_cloudwatch_event_rule.this["settled"].event_bus_name == "second"
    error_message = "Each rule is on its bus."
  }

  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.this["settled"].event_pattern) == {
      source = ["b.service"], "detail-type" = ["No", "Yes"]
    }
    error_message = "A pattern matches source and detail types."
  }

  assert {
    condition = aws_cloudwatch_event_target.queue["made"].arn == var.queue_arns["work"] && (
      aws_cloudwatch_event_target.queue["made"].dead_letter_config[0].arn == var.queue_arns["work-dlq"]
    )
    error_message = "A rule sends to its queue, and to that queue's dead-letter queue when it cannot."
  }

  assert {
    condition = alltrue([
      for target in concat(values(aws_cloudwatch_event_target.queue), values(aws_cloudwatch_event_target.notification)) :
      target.retry_policy[0].maximum_event_age_in_seconds == 86400 && target.retry_policy[0].maximum_retry_attempts == 185
    ])
    error_message = "Deliveries are tried for a day."
  }

  assert {
    condition     = toset(keys(aws_cloudwatch_event_target.notification)) == toset(["settled"])
    error_message = "A rule without a queue notifies."
  }

  assert {
    condition     = endswith(aws_cloudwatch_event_target.notification["settled"].dead_letter_config[0].arn, ":traffic-tacos-notifications-dlq")
    error_message = "Notifications have a dead-letter queue."
  }

  assert {
    condition     = alltrue([for archive in aws_cloudwatch_event_archive.everything : archive.retention_days == 365]) && length(aws_cloudwatch_event_archive.everything) == 2
    error_message = "Both buses are archived for 365 days."
  }

  assert {
    condition     = alltrue([for archive in aws_cloudwatch_event_archive.everything : archive.event_pattern == null])
    error_message = "The archive is of all events."
  }

  assert {
    condition     = length(aws_schemas_discoverer.this) == 2 && length(aws_cloudwatch_event_rule.everything) == 2
    error_message = "Both buses have a schema discoverer and are logged."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.failed) == 4 && alltrue([for alarm in aws_cloudwatch_metric_alarm.failed : toset(alarm.alarm_actions) == toset(var.alarm_topic_arns)])
    error_message = "Every rule has an alarm for failed invocations, which tells somebody."
  }

  assert {
    condition = alltrue([for target in aws_cloudwatch_event_target.log : target.dead_letter_config[0].arn == jsondecode(
    aws_sqs_queue_policy.log_dead_letter.policy).Statement[0].Resource && target.retry_policy[0].maximum_event_age_in_seconds == 86400])
    error_message = "What cannot be logged is kept."
  }

  assert {
    condition     = alltrue([for statement in jsondecode(aws_sns_topic_policy.notifications.policy).Statement : !can(statement.Condition) && statement.Action == "sns:Publish"])
    error_message = "EventBridge meets no condition in a topic's policy."
  }

  assert {
    condition = toset(jsondecode(output.publish_policy).Statement[0].Condition["StringEquals"]["events:source"]) == toset(["a.service", "b.service"]) && (
      flatten([jsondecode(output.publish_policy).Statement[0].Action]) == ["events:PutEvents"]
    )
    error_message = "Who publishes does so for the rules' sources only."
  }

  assert {
    condition     = jsondecode(aws_sns_topic_subscription.webhook["https://hooks.example/tacos"].redrive_policy).deadLetterTargetArn == aws_cloudwatch_event_target.notification["settled"].dead_letter_config[0].arn
    error_message = "What a webhook does not take is kept."
  }
}

run "refuses_a_rule_of_no_bus" {
  command = plan

  module {
    source = "../modules/eventbridge"
  }

  variables {
    buses      = ["first"]
    rules      = { lost = { bus = "third", source = "a.service", detail_types = ["Made"] } }
    queue_arns = {}
  }

  expect_failures = [var.rules]
}

run "topics" {
  command = plan

  module {
    source = "../modules/sns"
  }

  variables {
    topics = { critical = { description = "Now", emails = ["on-call@tickets.example"] } }
  }

  assert {
    condition     = aws_sns_topic.this["critical"].kms_master_key_id == var.kms_key_arn
    error_message = "Topics are encrypted with our key."
  }

  assert {
    condition     = aws_sns_topic_subscription.email["critical:on-call@tickets.example"].protocol == "email"
    error_message = "Addresses are subscribed."
  }

  assert {
    condition     = jsondecode(data.aws_iam_policy_document.topic["critical"].json).Statement[0].Condition["StringEquals"]["aws:SourceAccount"] != null
    error_message = "Services publish for this account only."
  }
}
