# Buses, rules and queues of the platform's contract.

locals {
  ticket_bus      = "ticket-ticket-events"
  reservation_bus = "ticket-reservation-events"

  rules = {
    ticket-created = {
      bus          = local.ticket_bus
      source       = "ticket.service"
      detail_types = ["TicketCreated"]
      queue        = "traffic-tacos-inventory"
    }
    ticket-status-changed = {
      bus          = local.ticket_bus
      source       = "ticket.service"
      detail_types = ["TicketStatusChanged"]
      queue        = null
    }
    reservation-created = {
      bus          = local.reservation_bus
      source       = "reservation.service"
      detail_types = ["ReservationCreated"]
      queue        = "traffic-tacos-reservation-expiry"
    }
    reservation-expired = {
      bus          = local.reservation_bus
      source       = "reservation.service"
      detail_types = ["ReservationExpired"]
      queue        = "traffic-tacos-reservation-events"
    }
    reservation-confirmed = {
      bus          = local.reservation_bus
      source       = "reservation.service"
      detail_types = ["ReservationConfirmed"]
      queue        = null
    }
    reservation-cancelled = {
      bus          = local.reservation_bus
      source       = "reservation.service"
      detail_types = ["ReservationCancelled"]
      queue        = "traffic-tacos-reservation-events"
    }
    payment-settled = {
      bus          = local.reservation_bus
      source       = "payment.service"
      detail_types = ["PaymentApproved", "PaymentFailed"]
      queue        = "traffic-tacos-payment-webhooks"
    }
  }

  queues = {
    traffic-tacos-inventory          = { description = "Tickets that were made" }
    traffic-tacos-reservation-expiry = { description = "Holds to look at when they end", delay_seconds = var.hold_seconds }
    traffic-tacos-reservation-events = { description = "Holds that ended" }
    traffic-tacos-payment-webhooks   = { description = "Payments that were settled" }
  }
}

module "sqs" {
  source = "../modules/sqs"

  queues = {
    for name, queue in local.queues : name => merge(queue, {
      rules = [for rule, to in local.rules : "${to.bus}/${rule}" if to.queue == name]
    })
  }
  kms_key_arn      = module.kms["messaging"].arn
  alarm_topic_arns = [module.sns.arns["critical"]]
}

module "eventbridge" {
  source = "../modules/eventbridge"

  buses                 = [local.ticket_bus, local.reservation_bus]
  rules                 = local.rules
  queue_arns            = module.sqs.arns
  notifications_name    = local.notifications
  notification_webhooks = var.notification_webhooks
  log_retention_days    = var.log_retention_days
  kms_key_arn           = module.kms["messaging"].arn
  logs_kms_key_arn      = module.kms["logs"].arn
  alarm_topic_arns      = [module.sns.arns["critical"]]
}
