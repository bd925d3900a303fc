#include "wrk.h"

#include "base/check.h"
#include "child.h"

#include <stdio.h>
#include <string.h>

/* Runs once, when all is over. */
static const char DONE[] =
    "\nfunction done(summary)\n"
    "  local e = summary.errors\n"
    "  io.write(string.format('figures %d %d %.0f %d %d\\n', summary.duration,\n"
    "    summary.requests, summary.bytes, e.connect + e.read + e.write + e.timeout, e.status))\n"
    "end\n";

static void write_script(const char *path, const char *script)
{
  FILE *file = fopen(path, "w");
  CHECK(file != NULL);
  CHECK(fputs(script == NULL ? "" : script, file) >= 0 && fputs(DONE, file) >= 0);
  CHECK(fclose(file) == 0);
}

struct wrk_result wrk_run(const struct wrk_load *load)
{
  char script[512];
  char url[128];
  char connections[32];
  char duration[32];
  char output[8192];
  snprintf(script, sizeof script, "%s/wrk.lua", load->directory);
  snprintf(url, sizeof url, "%s://127.0.0.1:%u%s", load->scheme, load->port, load->path);
  snprintf(connections, sizeof connections, "-c%d", load->connections);
  snprintf(duration, sizeof duration, "-d%ds", load->seconds);
  write_script(script, load->script);
  char *arguments[] = {"wrk", "-t1", connections, duration, "-s", script, url, NULL};
  child_run(CHILD_CORE_LOAD, arguments, output, sizeof output);
  const char *line = strstr(output, "figures ");
  double us, requests, bytes, errors, refused;
  if (line == NULL ||
      sscanf(line, "figures %lf %lf %lf %lf %lf", &us, &requests, &bytes, &errors, &refused) != 5 ||
      errors > 0 || refused > 0)
    fprintf(stderr, "%s", output);
  CHECK(line != NULL && errors == 0 && refused == 0);
  CHECK(us > 0 && requests > 0);
  return (struct wrk_result){requests * 1e6 / us, bytes * 1e6 / us, requests};
}
