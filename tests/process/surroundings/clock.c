/* Loaded before the C library: the time of day is off by the seconds in the file that CLOCK_SHIFT names.
 * The kernel sets no clock to a time before 1970 or after 2262. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long long shift(void) {
    int before = errno;
    long long seconds = 0;
    const char *name = getenv("CLOCK_SHIFT");
    FILE *file = name ? fopen(name, "re") : NULL;
    if (file) {
        if (fscanf(file, "%lld", &seconds) != 1)
            seconds = 0;
        fclose(file);
    }
    errno = before;
    return seconds;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    long result = syscall(SYS_clock_gettime, clock, time);
    if (result == 0 && clock == CLOCK_REALTIME)
        time->tv_sec += shift();
    return (int)result;
}
