# The three roles of the binary (`tacos serve --role ...`), and the controller that registers its pods.
# Each has exactly what it uses, by EKS Pod Identity.

locals {
  namespace = "traffic-tacos"

  # Policies of one role by name. Redis by IAM needs a right to connect instead of a secret.
  redis_policy = var.redis.authentication == "iam" ? module.redis.connect_policy : module.secrets.read_policies["redis-auth"]

  workloads = {
    api = {
      description = "Serves clients"
      policies = {
        tables          = module.dynamodb.service_policies["api"]
        redis           = local.redis_policy
        jwt-signing     = module.secrets.read_policies["jwt-signing"]
        webhook-signing = module.secrets.read_policies["webhook-signing"]
      }
    }
    worker = {
      description = "Expires holds and settles payments from the queues"
      policies = {
        tables = module.dynamodb.service_policies["worker"]
        queues = module.sqs.consume_policy
        redis  = local.redis_policy
      }
    }
    relay = {
      description = "Takes the outbox to the event buses"
      policies = {
        tables = module.dynamodb.service_policies["relay"]
        buses  = module.eventbridge.publish_policy
      }
    }
  }
}

module "workload_role" {
  source   = "../modules/pod-role"
  for_each = local.workloads

  name            = "${local.name}-${each.key}"
  description     = each.value.description
  cluster_name    = module.eks.name
  namespace       = local.namespace
  service_account = "tacos-${each.key}"
  policies        = each.value.policies
}

module "load_balancer_controller_role" {
  source = "../modules/pod-role"

  name            = "${var.cluster_name}-load-balancer-controller"
  description     = "Registers the API's pods at the load balancer"
  cluster_name    = module.eks.name
  namespace       = "kube-system"
  service_account = "aws-load-balancer-controller"
  policies        = { register = module.alb.register_policy }
}
