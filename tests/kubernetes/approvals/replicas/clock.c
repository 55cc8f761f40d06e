/* A wrong clock for one process, which loads this before anything else: as many seconds ahead as the file says that
 * LYCHGATE_TEST_CLOCK names. The file is one number as the machine has it in memory, so that a test can change it
 * while the process runs. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *ahead;

__attribute__((constructor)) static void map(void) {
  const char *path = getenv("LYCHGATE_TEST_CLOCK");
  int file = path == NULL ? -1 : open(path, O_RDONLY);
  if (file < 0) abort();
  ahead = mmap(NULL, sizeof(*ahead), PROT_READ, MAP_SHARED, file, 0);
  if (ahead == MAP_FAILED) abort();
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int failed = (int)syscall(SYS_clock_gettime, clock, now);
  if (!failed && clock == CLOCK_REALTIME && ahead != NULL) now->tv_sec += *ahead;
  return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  struct timespec precise;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &precise);
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *now) {
  struct timespec precise;
  clock_gettime(CLOCK_REALTIME, &precise);
  if (now != NULL) *now = precise.tv_sec;
  return precise.tv_sec;
}
