# The cluster, its nodes, and the roles of what runs in it.

provider "aws" {
  region = "ap-northeast-2"
}

variables {
  cluster_name             = "ticket-cluster"
  kms_key_arn              = "arn:aws:kms:ap-northeast-2:123456789012:key/cluster"
  logs_kms_key_arn         = "arn:aws:kms:ap-northeast-2:123456789012:key/logs"
  prometheus_workspace_arn = "arn:aws:aps:ap-northeast-2:123456789012:workspace/ws-1"
}

run "cluster" {
  command = plan

  module {
    source = "../modules/eks"
  }

  variables {
    subnet_ids = ["subnet-1", "subnet-2"]
    access = {
      operators = { principal_arn = "arn:aws:iam::123456789012:role/operators", policy = "AmazonEKSClusterAdminPolicy" }
      sellers   = { principal_arn = "arn:aws:iam::123456789012:role/sellers", policy = "AmazonEKSViewPolicy", namespaces = ["traffic-tacos"] }
    }
    node_groups = {
      ondemand = { instance_types = ["t3.large"], min_size = 1, max_size = 3, desired_size = 2 }
      loadtest = {
        instance_types = ["c6i.xlarge"], capacity_type = "SPOT", min_size = 0, max_size = 2, desired_size = 0
        taints         = { workload = "loadtest" }
      }
    }
  }

  assert {
    condition     = aws_eks_cluster.this.name == "ticket-cluster" && aws_eks_cluster.this.version == "1.33"
    error_message = "The cluster is ticket-cluster, 1.33."
  }

  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].endpoint_private_access && !aws_eks_cluster.this.vpc_config[0].endpoint_public_access
    error_message = "The Kubernetes API is reachable from inside only."
  }

  assert {
    condition = aws_eks_cluster.this.access_config[0].authentication_mode == "API" && (
      !aws_eks_cluster.this.access_config[0].bootstrap_cluster_creator_admin_permissions
    )
    error_message = "Access is by entries, and whoever applies gets none."
  }

  assert {
    condition = toset(aws_eks_cluster.this.encryption_config[0].resources) == toset(["secrets"]) && (
      aws_eks_cluster.this.encryption_config[0].provider[0].key_arn == var.kms_key_arn
    )
    error_message = "Kubernetes secrets are encrypted with our key."
  }

  assert {
    condition     = toset(aws_eks_cluster.this.enabled_cluster_log_types) == toset(["api", "audit", "authenticator", "controllerManager", "scheduler"])
    error_message = "All logs of the control plane are on."
  }

  assert {
    condition = toset(output.addons) == toset([
      "vpc-cni", "kube-proxy", "coredns", "eks-pod-identity-agent", "aws-ebs-csi-driver", "metrics-server",
      "cert-manager", "kube-state-metrics", "prometheus-node-exporter", "eks-node-monitoring-agent",
    ])
    error_message = "The add-ons are the ten of the platform."
  }

  assert {
    condition     = length(aws_eks_addon.before_nodes["vpc-cni"].pod_identity_association) == 1 && length(aws_eks_addon.before_nodes["kube-proxy"].pod_identity_association) == 0
    error_message = "Add-ons that call AWS have a role of their own, the others none."
  }

  assert {
    condition = alltrue([
      for template in aws_launch_template.node :
      template.metadata_options[0].http_tokens == "required" && template.metadata_options[0].http_put_response_hop_limit == 1
    ])
    error_message = "Nodes answer IMDSv2 only, and not to pods."
  }

  assert {
    condition = alltrue([
      for template in aws_launch_template.node :
      template.block_device_mappings[0].ebs[0].volume_type == "gp3" && tobool(template.block_device_mappings[0].ebs[0].encrypted)
    ])
    error_message = "Disks of nodes are gp3 and encrypted."
  }

  assert {
    condition     = alltrue([for group in aws_eks_node_group.this : group.ami_type == "AL2023_x86_64_STANDARD"])
    error_message = "Nodes run Amazon Linux 2023."
  }

  assert {
    condition = aws_eks_node_group.this["loadtest"].scaling_config[0].desired_size == 0 && aws_eks_node_group.this["loadtest"].capacity_type == "SPOT" && (
      one(aws_eks_node_group.this["loadtest"].taint).effect == "NO_SCHEDULE"
    )
    error_message = "The load test's nodes are spot, tainted, and none at rest."
  }

  assert {
    condition     = length(aws_eks_node_group.this["ondemand"].taint) == 0
    error_message = "The ordinary nodes take everything."
  }

  assert {
    condition     = !contains(keys(aws_iam_role_policy_attachment.node), "AmazonEKS_CNI_Policy") && length(aws_iam_role_policy_attachment.node) == 3
    error_message = "Nodes have no rights of the CNI."
  }

  assert {
    condition = aws_eks_access_policy_association.this["sellers"].access_scope[0].type == "namespace" && (
      aws_eks_access_policy_association.this["operators"].access_scope[0].type == "cluster"
    )
    error_message = "Access with namespaces is to these only."
  }

  assert {
    condition     = aws_iam_openid_connect_provider.this.client_id_list == tolist(["sts.amazonaws.com"]) || toset(aws_iam_openid_connect_provider.this.client_id_list) == toset(["sts.amazonaws.com"])
    error_message = "The OIDC provider is for STS."
  }
}

run "refuses_sizes_in_the_wrong_order" {
  command = plan

  module {
    source = "../modules/eks"
  }

  variables {
    subnet_ids  = ["subnet-1", "subnet-2"]
    node_groups = { ondemand = { instance_types = ["t3.large"], min_size = 3, max_size = 1, desired_size = 2 } }
  }

  expect_failures = [var.node_groups]
}

run "karpenter" {
  command = plan

  module {
    source = "../modules/karpenter"
  }

  assert {
    condition = toset([for rule in aws_cloudwatch_event_rule.interruption : jsondecode(rule.event_pattern)["detail-type"][0]]) == toset([
      "AWS Health Event", "EC2 Spot Instance Interruption Warning", "EC2 Instance Rebalance Recommendation",
      "EC2 Instance State-change Notification",
    ])
    error_message = "Karpenter hears of health, spot interruption, rebalance and state change."
  }

  assert {
    condition = toset([for statement in jsondecode(data.aws_iam_policy_document.controller.json).Statement : statement.Sid]) == toset([
      "AllowScopedEC2InstanceAccessActions", "AllowScopedEC2LaunchTemplateAccessActions", "AllowScopedEC2InstanceActionsWithTags",
      "AllowScopedResourceCreationTagging", "AllowScopedResourceTagging", "AllowScopedDeletion", "AllowRegionalReadActions",
      "AllowSSMReadActions", "AllowPricingReadActions", "AllowInterruptionQueueActions", "AllowPassingInstanceRole",
      "AllowInstanceProfileReadActions", "AllowUnscopedInstanceProfileListAction", "AllowAPIServerEndpointDiscovery",
    ])
    error_message = "The controller has the documented statements."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(data.aws_iam_policy_document.controller.json).Statement :
      alltrue([for action in flatten([statement.Action]) : can(regex(":(Describe|List|GetProducts)", action))])
      if contains(flatten([statement.Resource]), "*")
    ])
    error_message = "Only what reads is open to every resource."
  }

  assert {
    condition = [
      for statement in jsondecode(data.aws_iam_policy_document.controller.json).Statement :
      statement.Condition["StringEquals"]["aws:ResourceTag/kubernetes.io/cluster/ticket-cluster"] if statement.Sid == "AllowScopedDeletion"
    ] == ["owned"]
    error_message = "Karpenter ends only what this cluster owns."
  }

  assert {
    condition = [
      for statement in jsondecode(data.aws_iam_policy_document.controller.json).Statement : statement.Condition["StringEquals"]["iam:PassedToService"]
      if statement.Sid == "AllowPassingInstanceRole"
    ] == ["ec2.amazonaws.com"]
    error_message = "Karpenter passes the nodes' role to EC2 only."
  }

  assert {
    condition     = aws_eks_access_entry.node.type == "EC2_LINUX"
    error_message = "Karpenter's nodes may join."
  }

  assert {
    condition     = aws_sqs_queue.interruption.message_retention_seconds == 300 && aws_sqs_queue.interruption.sqs_managed_sse_enabled
    error_message = "News of interruptions is encrypted and short-lived."
  }
}

run "pod_role" {
  command = plan

  module {
    source = "../modules/pod-role"
  }

  variables {
    name            = "traffic-tacos-api"
    description     = "Serves clients"
    namespace       = "traffic-tacos"
    service_account = "tacos-api"
    policies        = { nothing = jsonencode({ Version = "2012-10-17", Statement = [] }) }
  }

  assert {
    condition     = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Principal.Service == "pods.eks.amazonaws.com"
    error_message = "The role is for pods by EKS Pod Identity."
  }

  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Condition["StringEquals"] == {
      "aws:RequestTag/eks-cluster-name"           = "ticket-cluster"
      "aws:RequestTag/kubernetes-namespace"       = "traffic-tacos"
      "aws:RequestTag/kubernetes-service-account" = "tacos-api"
    }
    error_message = "The role is for one service account of one cluster."
  }

  assert {
    condition     = aws_eks_pod_identity_association.this[0].namespace == "traffic-tacos" && aws_eks_pod_identity_association.this[0].service_account == "tacos-api"
    error_message = "The service account gets the role."
  }
}

run "collectors" {
  command = plan

  module {
    source = "../modules/otel"
  }

  assert {
    condition     = flatten([for statement in jsondecode(data.aws_iam_policy_document.metrics.json).Statement : statement.Action]) == ["aps:RemoteWrite"]
    error_message = "The collector of metrics writes metrics and nothing else."
  }

  assert {
    condition     = jsondecode(data.aws_iam_policy_document.metrics.json).Statement[0].Resource == var.prometheus_workspace_arn
    error_message = "The collector writes to our workspace only."
  }

  assert {
    condition     = toset(keys(output.role_arns)) == toset(["metrics", "traces", "logs"])
    error_message = "Each kind of signal has a role of its own."
  }
}

run "keda" {
  command = plan

  module {
    source = "../modules/keda"
  }

  variables {
    queue_policy = jsonencode({ Version = "2012-10-17", Statement = [] })
  }

  assert {
    condition     = alltrue([for action in flatten([for statement in jsondecode(data.aws_iam_policy_document.metrics.json).Statement : statement.Action]) : can(regex("^aps:(Get|Query)", action))])
    error_message = "KEDA reads metrics only."
  }
}

run "bastion" {
  command = plan

  module {
    source = "../modules/ec2"
  }

  variables {
    name        = "traffic-tacos-bastion"
    vpc_id      = "vpc-1"
    vpc_cidr    = "10.180.0.0/20"
    subnet_id   = "subnet-1"
    cluster_arn = "arn:aws:eks:ap-northeast-2:123456789012:cluster/ticket-cluster"
  }

  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.ssh) == 0 && aws_instance.this.associate_public_ip_address == false
    error_message = "Nobody opens SSH to the bastion, and it has no public address."
  }

  assert {
    condition     = aws_instance.this.metadata_options[0].http_tokens == "required" && aws_instance.this.root_block_device[0].encrypted
    error_message = "The bastion answers IMDSv2 only, its disk is encrypted."
  }

  assert {
    condition     = flatten([for statement in jsondecode(data.aws_iam_policy_document.cluster.json).Statement : statement.Action]) == ["eks:DescribeCluster"]
    error_message = "The bastion looks up the cluster and nothing else."
  }
}

run "bastion_refuses_the_world" {
  command = plan

  module {
    source = "../modules/ec2"
  }

  variables {
    name              = "traffic-tacos-bastion"
    vpc_id            = "vpc-1"
    vpc_cidr          = "10.180.0.0/20"
    subnet_id         = "subnet-1"
    cluster_arn       = "arn:aws:eks:ap-northeast-2:123456789012:cluster/ticket-cluster"
    ssh_allowed_cidrs = ["0.0.0.0/0"]
  }

  expect_failures = [var.ssh_allowed_cidrs]
}
