/*
 * The schemas, as bytes of the program: no file to find at run time, and pages that are never read
 * are never loaded. The assembler takes the path from where make runs.
 */
#include "provider/schema.h"

__asm__(".section .rodata\n"
        ".global provider_schema_begin\n"
        ".global provider_schema_end\n"
        "provider_schema_begin:\n"
        ".incbin \"provider/aws.schema\"\n"
        "provider_schema_end:\n"
        ".previous\n");

extern const uint8_t provider_schema_begin[];
extern const uint8_t provider_schema_end[];

struct bytes schema_data(void)
{
  return bytes_of(provider_schema_begin, (size_t)(provider_schema_end - provider_schema_begin));
}
