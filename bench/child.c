#include "child.h"

#include "base/check.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
  CORES = 32,
  STOP_LOOKS = 500, /* with STOP_LOOK_NS between: five seconds */
  STOP_LOOK_NS = 10000000,
  COMMAND_NOT_FOUND = 127, /* as shells say it */
  BY_SIGNAL = 128,
};

void child_bind_self(uint32_t cores)
{
  cpu_set_t set;
  CPU_ZERO(&set);
  for (uint32_t i = 0; i < CORES; i++)
    if ((cores >> i & 1) != 0) CPU_SET(i, &set);
  CHECK(sched_setaffinity(0, sizeof set, &set) == 0);
}

_Noreturn static void become(pid_t parent, uint32_t cores, int output, char *const arguments[])
{
  child_bind_self(cores);
  CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
  CHECK(prctl(PR_SET_PDEATHSIG, SIGTERM) == 0);
  if (getppid() != parent) _exit(BY_SIGNAL + SIGTERM); /* it ended before the line above */
  CHECK(dup2(output, STDOUT_FILENO) == STDOUT_FILENO);
  execvp(arguments[0], arguments);
  fprintf(stderr, "cannot run %s\n", arguments[0]);
  _exit(COMMAND_NOT_FOUND);
}

void child_start(struct child *child, uint32_t cores, char *const arguments[])
{
  int ends[2];
  pid_t parent = getpid();
  CHECK(pipe2(ends, O_CLOEXEC) == 0);
  fflush(stdout);
  child->pid = fork();
  CHECK_THAT(child->pid, >=, 0);
  if (child->pid == 0) become(parent, cores, ends[1], arguments);
  close(ends[1]);
  child->output = ends[0];
}

void child_read(struct child *child, bool line, char *text, size_t size)
{
  size_t used = 0;
  while (used + 1 < size) {
    ssize_t got = read(child->output, text + used, line ? 1 : size - used - 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    used += (size_t)got;
    if (line && text[used - 1] == '\n') break;
  }
  text[used] = 0;
}

static int ended(struct child *child, int status)
{
  close(child->output);
  *child = (struct child){0};
  return WIFEXITED(status) ? WEXITSTATUS(status) : BY_SIGNAL + WTERMSIG(status);
}

int child_wait(struct child *child)
{
  int status;
  while (waitpid(child->pid, &status, 0) != child->pid) CHECK_THAT(errno, ==, EINTR);
  return ended(child, status);
}

void child_stop(struct child *child)
{
  if (child->pid == 0) return;
  CHECK(kill(child->pid, SIGTERM) == 0);
  for (int i = 0; i < STOP_LOOKS; i++) {
    int status;
    pid_t done = waitpid(child->pid, &status, WNOHANG);
    if (done == child->pid) {
      ended(child, status);
      return;
    }
    nanosleep(&(struct timespec){.tv_nsec = STOP_LOOK_NS}, NULL);
  }
  CHECK(kill(child->pid, SIGKILL) == 0);
  child_wait(child);
}

void child_run(uint32_t cores, char *const arguments[], char *text, size_t size)
{
  struct child child;
  child_start(&child, cores, arguments);
  child_read(&child, false, text, size);
  CHECK_THAT(child_wait(&child), ==, 0);
}

int64_t process_cpu_ns(pid_t pid)
{
  clockid_t clock;
  struct timespec used;
  CHECK(clock_getcpuclockid(pid, &clock) == 0);
  CHECK(clock_gettime(clock, &used) == 0);
  return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

int64_t process_resident_bytes(pid_t pid)
{
  char text[256];
  long long kib = -1;
  snprintf(text, sizeof text, "/proc/%d/smaps_rollup", pid);
  FILE *file = fopen(text, "r");
  CHECK(file != NULL);
  while (kib < 0 && fgets(text, sizeof text, file) != NULL)
    if (strncmp(text, "Rss:", 4) == 0) kib = strtoll(text + 4, NULL, 10);
  fclose(file);
  CHECK_THAT(kib, >=, 0);
  return kib * 1024;
}

/* The fourth word of /proc/<pid>/stat; the second, a name, may hold spaces. */
static pid_t parent_of(const char *pid)
{
  char text[512] = {0};
  char path[64];
  snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
  FILE *file = fopen(path, "r");
  if (file == NULL) return 0; /* it has gone */
  size_t size = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  const char *name_end = size == 0 ? NULL : strrchr(text, ')');
  return name_end == NULL || name_end[1] == 0 ? 0 : (pid_t)strtol(name_end + 4, NULL, 10);
}

pid_t process_child_of(pid_t pid)
{
  pid_t found = 0;
  DIR *processes = opendir("/proc");
  CHECK(processes != NULL);
  for (struct dirent *entry; (entry = readdir(processes)) != NULL;)
    if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && parent_of(entry->d_name) == pid)
      found = (pid_t)strtol(entry->d_name, NULL, 10);
  closedir(processes);
  CHECK_THAT(found, !=, 0);
  return found;
}

uint16_t process_free_port(void)
{
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(listener >= 0);
  CHECK(bind(listener, (struct sockaddr *)&address, size) == 0);
  CHECK(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
  close(listener);
  return ntohs(address.sin_port);
}
