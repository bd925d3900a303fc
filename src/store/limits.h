/*
 * Every limit of the store: name, unit, reason. Those of the data model are DynamoDB's ("Service,
 * account, and table quotas", "Constraints"), so that what fits here fits there.
 */
#ifndef TACOS_STORE_LIMITS_H
#define TACOS_STORE_LIMITS_H

enum {
  ITEM_SIZE_MAX = 400 << 10,        /* bytes of an item, names and values (item_size) */
  ITEM_DEPTH_MAX = 32,              /* lists and maps inside each other */
  ATTRIBUTE_NAME_MAX = 65535,       /* bytes of an attribute's name */
  ATTRIBUTE_KEY_NAME_MAX = 255,     /* bytes of the name of a key attribute */
  PARTITION_KEY_MAX = 2048,         /* bytes of a partition key's value */
  SORT_KEY_MAX = 1024,              /* bytes of a sort key's value */
  TABLE_NAME_MIN = 3,               /* characters */
  TABLE_NAME_MAX = 255,             /* characters */
  TABLES_MAX = 2500,                /* tables of an account */
  TABLE_INDEXES_MAX = 20,           /* global secondary indexes of a table */
  INDEX_PROJECTED_MAX = 100,        /* INCLUDE attributes over all indexes of a table */
  TRANSACTION_ACTIONS_MAX = 100,    /* actions of a transaction */
  TRANSACTION_SIZE_MAX = 4 << 20,   /* bytes of all items of a transaction */
  TRANSACTION_TOKEN_MAX = 36,       /* characters of a client request token */
  TRANSACTION_TOKEN_MS = 600000,    /* how long a token is remembered: 10 minutes */
  BATCH_GET_MAX = 100,              /* keys of a batch get */
  BATCH_GET_SIZE_MAX = 16 << 20,    /* bytes a batch get answers; the rest is unprocessed */
  BATCH_WRITE_MAX = 25,             /* requests of a batch write */
  PAGE_SIZE_MAX = 1 << 20,          /* bytes that one query or scan page reads */
  SCAN_SEGMENTS_MAX = 1000000,      /* segments of a parallel scan */
  EXPRESSION_SIZE_MAX = 4 << 10,    /* bytes of an expression's text */
  EXPRESSION_OPERATORS_MAX = 300,   /* operators and functions of one expression */
  EXPRESSION_OPERANDS_MAX = 100,    /* operands of IN */
  EXPRESSION_DEPTH_MAX = 300,       /* parentheses inside each other: bounds recursion */
  EXPRESSION_PLACEHOLDER_MAX = 255, /* bytes of a #name or :value placeholder */
  STREAM_LOOK_RECORDS = 4096,       /* log records one look at a stream passes over: about 2 ms */
  STREAM_RETENTION_MS = 86400000,   /* how long a stream's records are kept: 24 hours */
};

_Static_assert(TRANSACTION_SIZE_MAX >= ITEM_SIZE_MAX, "an item fits into a transaction");
_Static_assert(PAGE_SIZE_MAX >= ITEM_SIZE_MAX, "a page makes progress");

#endif
