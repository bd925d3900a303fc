#include "ops/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
  STAT_BYTES = 4096,         /* /proc/self/stat has about 300 */
  START_TIME_FIELD = 22,     /* of /proc/self/stat, proc(5): clock ticks since boot */
  DIRECTORY_BYTES = 1 << 14, /* one read gives about 500 descriptors */
  NS_PER_SECOND = 1000000000,
};

/* The start of a small file of /proc as a text; false when it cannot be read. */
static bool read_text(const char *path, char text[STAT_BYTES])
{
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  ssize_t size = read(file, text, STAT_BYTES - 1);
  close(file);
  if (size <= 0) return false;
  text[size] = 0;
  return true;
}

/* The number after `skipped` spaces. */
static bool read_number(const char *text, int skipped, uint64_t *number)
{
  for (; skipped > 0; skipped--) {
    text = strchr(text, ' ');
    if (text == NULL) return false;
    text++;
  }
  char *end;
  *number = strtoull(text, &end, 10);
  return end != text;
}

static uint64_t clock_ns(clockid_t clock)
{
  struct timespec time;
  if (clock_gettime(clock, &time) != 0 || time.tv_sec < 0) return 0;
  return (uint64_t)time.tv_sec * NS_PER_SECOND + (uint64_t)time.tv_nsec;
}

void process_init(struct process *process)
{
  *process = (struct process){0};
  char text[STAT_BYTES];
  if (!read_text("/proc/self/stat", text)) return;
  /* Field 2 is the program's name in parentheses, which may have spaces and parentheses itself. */
  const char *after_name = strrchr(text, ')');
  uint64_t start_ticks;
  long ticks_per_second = sysconf(_SC_CLK_TCK);
  if (after_name == NULL || ticks_per_second <= 0) return;
  if (!read_number(after_name, START_TIME_FIELD - 2, &start_ticks)) return;
  uint64_t boot_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_BOOTTIME);
  process->start_ns = boot_ns + start_ticks * (NS_PER_SECOND / (uint64_t)ticks_per_second);
}

static bool read_resident_bytes(uint64_t *bytes)
{
  char text[STAT_BYTES];
  uint64_t pages;
  long page_bytes = sysconf(_SC_PAGESIZE);
  if (page_bytes <= 0) return false;
  if (!read_text("/proc/self/statm", text) || !read_number(text, 1, &pages)) return false;
  *bytes = pages * (uint64_t)page_bytes;
  return true;
}

/* Entries of /proc/self/fd. getdents64 and not readdir, which allocates. */
static bool read_open_descriptors(uint64_t *count)
{
  int directory = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return false;
  _Alignas(struct dirent64) uint8_t entries[DIRECTORY_BYTES];
  ssize_t size;
  *count = 0;
  while ((size = getdents64(directory, entries, sizeof(entries))) > 0) {
    for (ssize_t at = 0; at < size;) {
      const struct dirent64 *entry = (const struct dirent64 *)(entries + at);
      if (entry->d_name[0] != '.') ++*count;
      at += entry->d_reclen;
    }
  }
  close(directory);
  if (size < 0 || *count == 0) return false;
  --*count; /* the one that was open just to count */
  return true;
}

static void write_gauge(struct metrics_writer *writer, const char *name, const char *help,
                        uint64_t value)
{
  metrics_family(writer, name, METRIC_GAUGE, help);
  metrics_sample(writer, name, NULL, 0, value);
}

void process_write_metrics(const struct process *process, struct metrics_writer *writer)
{
  uint64_t value;
  if (read_resident_bytes(&value))
    write_gauge(writer, "process_resident_memory_bytes", "Resident memory size in bytes.", value);
  value = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
  if (value > 0) {
    const char *name = "process_cpu_seconds_total";
    metrics_family(writer, name, METRIC_COUNTER, "Total user and system CPU time in seconds.");
    metrics_sample_ns(writer, name, NULL, 0, value);
  }
  if (read_open_descriptors(&value))
    write_gauge(writer, "process_open_fds", "Number of open file descriptors.", value);
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    write_gauge(writer, "process_max_fds", "Maximum number of open file descriptors.",
                limit.rlim_cur);
  if (process->start_ns > 0) {
    const char *name = "process_start_time_seconds";
    metrics_family(writer, name, METRIC_GAUGE,
                   "Start time of the process since unix epoch in seconds.");
    metrics_sample_ns(writer, name, NULL, 0, process->start_ns);
  }
}
