/*
 * The forms of ids and attributes, from AWS' documentation of each service. In the order of strcmp;
 * a test checks it.
 */
#include "provider/computed.h"

const struct computed_pattern COMPUTED_PATTERNS[] = {
    {"*", "account_id", "{N}"},
    {"*", "arn", "{A}{type}:{R}:{N}:{id}"},
    {"*", "created_date", "2026-01-01T00:00:00Z"},
    {"*", "creation_date", "2026-01-01T00:00:00Z"},
    {"*", "created_at", "2026-01-01T00:00:00Z"},
    {"*", "id", "{name}"},
    {"*", "owner_id", "{N}"},
    {"*", "region", "{R}"},
    {"*", "status", "ACTIVE"},
    {"aws_vpc", "arn", "{A}ec2:{R}:{N}:vpc/{id}"},
    {"aws_vpc", "id", "vpc-{hex17}"},
};

const size_t COMPUTED_PATTERN_COUNT = sizeof(COMPUTED_PATTERNS) / sizeof(COMPUTED_PATTERNS[0]);
