# The seven tables, as data. Names and keys are the platform's contract; every key attribute is a string,
# every index projects all attributes.

locals {
  tables = {
    ticket-tickets = {
      hash   = "pk"
      range  = "sk"
      index  = { name = "GSI1", hash = "gsi1pk", range = "gsi1sk" }
      ttl    = null
      stream = null
    }
    ticket-ticket-events = {
      hash   = "pk"
      range  = "sk"
      index  = null
      ttl    = null
      stream = null
    }
    ticket-reservation-reservations = {
      hash   = "pk"
      range  = "sk"
      index  = { name = "GSI1", hash = "gsi1pk", range = "gsi1sk" }
      ttl    = null
      stream = null
    }
    ticket-reservation-orders = {
      hash   = "pk"
      range  = "sk"
      index  = { name = "GSI1", hash = "gsi1pk", range = "gsi1sk" }
      ttl    = null
      stream = null
    }
    # Answers are forgotten after a day, by TTL.
    ticket-reservation-idempotency = {
      hash   = "pk"
      range  = null
      index  = null
      ttl    = "ttl"
      stream = null
    }
    # The relay follows the stream; rows that were published are forgotten by TTL.
    ticket-reservation-outbox = {
      hash   = "pk"
      range  = "sk"
      index  = null
      ttl    = "ttl"
      stream = "NEW_IMAGE"
    }
    ticket-users = {
      hash   = "user_id"
      range  = null
      index  = { name = "username-index", hash = "username", range = null }
      ttl    = null
      stream = null
    }
  }
}
