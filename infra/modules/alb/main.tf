resource "aws_security_group" "this" {
  name        = "${var.name}-alb"
  description = "HTTP and HTTPS from outside, the API's port to the pods"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-alb" }
}

# The only rules of the platform that are open to the world.
resource "aws_vpc_security_group_ingress_rule" "public" {
  for_each = {
    for pair in setproduct([80, 443], var.allowed_cidrs) : "${pair[0]} ${pair[1]}" => { port = pair[0], range = pair[1] }
  }

  security_group_id = aws_security_group.this.id
  description       = each.value.port == 80 ? "HTTP, answered by a redirect" : "HTTPS"
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
  cidr_ipv4         = each.value.range
}

resource "aws_vpc_security_group_egress_rule" "pods" {
  security_group_id = aws_security_group.this.id
  description       = "The API's port of the pods"
  ip_protocol       = "tcp"
  from_port         = var.pod_port
  to_port           = var.pod_port
  cidr_ipv4         = var.vpc_cidr
}

resource "aws_vpc_security_group_ingress_rule" "pods" {
  security_group_id            = var.pod_security_group_id
  description                  = "The API, from the load balancer"
  ip_protocol                  = "tcp"
  from_port                    = var.pod_port
  to_port                      = var.pod_port
  referenced_security_group_id = aws_security_group.this.id
}

resource "aws_lb" "this" {
  name                       = var.name
  load_balancer_type         = "application"
  internal                   = false
  security_groups            = [aws_security_group.this.id]
  subnets                    = var.subnet_ids
  enable_deletion_protection = var.deletion_protection
  drop_invalid_header_fields = true
  desync_mitigation_mode     = "strictest" # what two parsers could read differently is refused
  xff_header_processing_mode = "append"    # the server trusts the right-most hop
  preserve_host_header       = true
  idle_timeout               = 120 # event streams ping every 15 s

  access_logs {
    bucket  = var.log_bucket
    prefix  = "alb"
    enabled = true
  }

  connection_logs {
    bucket  = var.log_bucket
    prefix  = "alb-connections"
    enabled = true
  }
}

# Pods register themselves by a TargetGroupBinding of the load balancer controller.
resource "aws_lb_target_group" "api" {
  name                          = "${var.name}-api"
  vpc_id                        = var.vpc_id
  target_type                   = "ip"
  protocol                      = "HTTP"
  protocol_version              = "HTTP1"
  port                          = var.pod_port
  deregistration_delay          = "30"
  load_balancing_algorithm_type = "least_outstanding_requests"

  health_check {
    path                = "/readyz"
    matcher             = "200"
    interval            = 5
    timeout             = 2
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06" # TLS 1.3, and 1.2 with forward secrecy
  certificate_arn   = var.certificate_arn

  default_action {
    type = "fixed-response"

    fixed_response {
      content_type = "application/json"
      status_code  = "404"
      message_body = jsonencode({ error = { code = "NOT_FOUND", message = "No such path: the API is below /api/", trace_id = "" } })
    }
  }
}

resource "aws_lb_listener_rule" "api" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 10

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.api.arn
  }

  condition {
    path_pattern {
      values = ["/api/*"]
    }
  }
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.this.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type = "redirect"

    redirect {
      protocol    = "HTTPS"
      port        = "443"
      status_code = "HTTP_301"
    }
  }
}

resource "aws_wafv2_web_acl_association" "this" {
  resource_arn = aws_lb.this.arn
  web_acl_arn  = var.web_acl_arn
}
