#include "provider/facts.h"

#include <stdio.h>

static const struct fact FACTS[] = {
    {"addon", "aws-ebs-csi-driver", "v1.48.0-eksbuild.1"},
    {"addon", "cert-manager", "v1.18.2-eksbuild.1"},
    {"addon", "coredns", "v1.12.3-eksbuild.1"},
    {"addon", "eks-node-monitoring-agent", "v1.4.0-eksbuild.2"},
    {"addon", "eks-pod-identity-agent", "v1.3.8-eksbuild.2"},
    {"addon", "kube-proxy", "v1.33.3-eksbuild.4"},
    {"addon", "kube-state-metrics", "v2.16.0-eksbuild.1"},
    {"addon", "metrics-server", "v0.8.0-eksbuild.1"},
    {"addon", "prometheus-node-exporter", "v1.9.1-eksbuild.3"},
    {"addon", "vpc-cni", "v1.20.1-eksbuild.1"},
    {"aws_cloudfront_cache_policy", "Managed-Amplify", "2e54312d-136d-493c-8eb9-b001f22f67d2"},
    {"aws_cloudfront_cache_policy", "Managed-CachingDisabled",
     "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"},
    {"aws_cloudfront_cache_policy", "Managed-CachingOptimized",
     "658327ea-f89d-4fab-a63d-7e88639e58f6"},
    {"aws_cloudfront_cache_policy", "Managed-CachingOptimizedForUncompressedObjects",
     "b2884449-e4de-46a7-ac36-70bc7f1ddd6d"},
    {"aws_cloudfront_cache_policy", "UseOriginCacheControlHeaders",
     "83da9c7e-98b4-4e11-a168-04f0df8e2c65"},
    {"aws_cloudfront_cache_policy", "UseOriginCacheControlHeaders-QueryStrings",
     "4cc15a8a-d715-48a4-82b8-cc0b614638fe"},
    {"aws_cloudfront_origin_request_policy", "Managed-AllViewer",
     "216adef6-5c7f-47e4-b989-5492eafa07d3"},
    {"aws_cloudfront_origin_request_policy", "Managed-AllViewerAndCloudFrontHeaders-2022-06",
     "33f36d7e-f396-46d9-90e0-52428a34d9dc"},
    {"aws_cloudfront_origin_request_policy", "Managed-AllViewerExceptHostHeader",
     "b689b0a8-53d0-40ab-baf2-68738e2966ac"},
    {"aws_cloudfront_origin_request_policy", "Managed-CORS-CustomOrigin",
     "59781a5b-3903-41f3-afcb-af62929ccde1"},
    {"aws_cloudfront_origin_request_policy", "Managed-CORS-S3Origin",
     "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf"},
    {"aws_cloudfront_origin_request_policy", "Managed-UserAgentRefererHeaders",
     "acba4595-bd28-49b8-b9fe-13317c0390fa"},
    {"aws_cloudfront_response_headers_policy", "Managed-CORS-With-Preflight",
     "5cc3b908-e619-4b99-88e5-2cf7f45965bd"},
    {"aws_cloudfront_response_headers_policy", "Managed-CORS-and-SecurityHeadersPolicy",
     "e61eb60c-9c35-4d20-a928-2b84e02af89c"},
    {"aws_cloudfront_response_headers_policy",
     "Managed-CORS-with-preflight-and-SecurityHeadersPolicy",
     "eaab4381-ed33-4a86-88ca-d9558dc6cd63"},
    {"aws_cloudfront_response_headers_policy", "Managed-SecurityHeadersPolicy",
     "67f7725c-6f97-4210-82d7-5512b31e9d03"},
    {"aws_cloudfront_response_headers_policy", "Managed-SimpleCORS",
     "60669652-455b-4ae9-85a4-c4c02393f86c"},
    {"aws_elb_service_account", "ap-northeast-1", "582318560864"},
    {"aws_elb_service_account", "ap-northeast-2", "600734575887"},
    {"aws_elb_service_account", "eu-west-1", "156460612806"},
    {"aws_elb_service_account", "us-east-1", "127311923021"},
    {"aws_elb_service_account", "us-west-2", "797873946194"},
    {"lb_zone", "ap-northeast-1 application", "Z14GRHDCWA56QT"},
    {"lb_zone", "ap-northeast-1 network", "Z31USIVHYNEOWT"},
    {"lb_zone", "ap-northeast-2 application", "ZWKZPGTI48KDX"},
    {"lb_zone", "ap-northeast-2 network", "ZIBE1TIR4HY56"},
    {"lb_zone", "us-east-1 application", "Z35SXDOTRQ7X7K"},
    {"lb_zone", "us-east-1 network", "Z26RNL4JYFTOTI"},
    {"region", "ap-northeast-1", "Asia Pacific (Tokyo)"},
    {"region", "ap-northeast-2", "Asia Pacific (Seoul)"},
    {"region", "ap-northeast-3", "Asia Pacific (Osaka)"},
    {"region", "ap-south-1", "Asia Pacific (Mumbai)"},
    {"region", "ap-southeast-1", "Asia Pacific (Singapore)"},
    {"region", "ap-southeast-2", "Asia Pacific (Sydney)"},
    {"region", "ca-central-1", "Canada (Central)"},
    {"region", "eu-central-1", "Europe (Frankfurt)"},
    {"region", "eu-north-1", "Europe (Stockholm)"},
    {"region", "eu-west-1", "Europe (Ireland)"},
    {"region", "eu-west-2", "Europe (London)"},
    {"region", "eu-west-3", "Europe (Paris)"},
    {"region", "sa-east-1", "South America (Sao Paulo)"},
    {"region", "us-east-1", "US East (N. Virginia)"},
    {"region", "us-east-2", "US East (Ohio)"},
    {"region", "us-west-1", "US West (N. California)"},
    {"region", "us-west-2", "US West (Oregon)"},
    {"zones", "ap-northeast-1", "acd"},
    {"zones", "ap-northeast-2", "abcd"},
    {"zones", "ca-central-1", "abd"},
    {"zones", "us-east-1", "abcdef"},
    {"zones", "us-west-1", "ac"},
    {"zones", "us-west-2", "abcd"},
};

const char *fact_find(const char *topic, struct bytes key)
{
  for (size_t i = 0; i < sizeof(FACTS) / sizeof(FACTS[0]); i++) {
    if (strcmp(FACTS[i].topic, topic) == 0 && bytes_equal(bytes_of_text(FACTS[i].key), key))
      return FACTS[i].value;
  }
  return NULL;
}

const char *fact_zone_letters(struct bytes region)
{
  if (fact_find("region", region) == NULL) return NULL;
  const char *letters = fact_find("zones", region);
  return letters != NULL ? letters : "abc";
}
