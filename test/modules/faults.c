/*
 * faults.c: preloaded into a program that knows nothing of it, which then has no memory, or another
 * time of day, when somebody else says so in a file that both have mapped (DANCE_FAULTS names it).
 *
 * Counted are, while it is armed, the allocations with the object of DANCE_FAULTS_OF on the stack,
 * or all of them without it; the one whose number is "fails_at" returns NULL, and as many behind it
 * as "in_a_row" says. All processes that the program forks count together.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SEEN __attribute__((visibility("default")))
#define FRAMES_MAX 64

/* As test/faults/control.py has it. */
static struct faults {
    atomic_llong armed;
    atomic_llong count;
    atomic_llong fails_at;
    atomic_llong in_a_row;
    atomic_llong failed;  /* so many have */
    atomic_llong seconds; /* that the time of day is ahead of the machine's */
} * faults;

static const char *object; /* NULL: all of them */
static ElfW(Addr) from, to;
static __thread int inside;

/* glibc's own, which are exported for this. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t number, size_t size);
extern void *__libc_realloc(void *old, size_t size);

/* What is replaced here. */
SEEN void *malloc(size_t size);
SEEN void *calloc(size_t number, size_t size);
SEEN void *realloc(void *old, size_t size);

static int find(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    (void)data;
    if (strstr(info->dlpi_name, object) == NULL)
        return 0;
    from = to = info->dlpi_addr;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        ElfW(Addr) end = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;

        if (info->dlpi_phdr[i].p_type == PT_LOAD && end > to)
            to = end;
    }
    return 1;
}

static int is_on_stack(void)
{
    void *frame[FRAMES_MAX];
    int found = 0;
    int frames;

    inside = 1;
    if (to != 0 || dl_iterate_phdr(find, NULL)) {
        frames = backtrace(frame, FRAMES_MAX);
        for (int i = 0; i < frames && !found; i++)
            found = (ElfW(Addr))frame[i] >= from && (ElfW(Addr))frame[i] < to;
    }
    inside = 0;
    return found;
}

static int fails(void)
{
    long long number;

    if (faults == NULL || inside || !faults->armed || (object != NULL && !is_on_stack()))
        return 0;
    number = atomic_fetch_add(&faults->count, 1) + 1;
    if (number < faults->fails_at || number >= faults->fails_at + faults->in_a_row)
        return 0;
    (void)atomic_fetch_add(&faults->failed, 1);
    errno = ENOMEM;
    return 1;
}

SEEN void *malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

SEEN void *calloc(size_t number, size_t size)
{
    return fails() ? NULL : __libc_calloc(number, size);
}

SEEN void *realloc(void *old, size_t size)
{
    return size != 0 && fails() ? NULL : __libc_realloc(old, size);
}

SEEN int clock_gettime(clockid_t which, struct timespec *now)
{
    /* The kernel's own: what libc has would be found by dlsym(), which allocates. */
    int result = (int)syscall(SYS_clock_gettime, which, now);

    if (result == 0 && faults != NULL
        && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE))
        now->tv_sec += (time_t)faults->seconds;
    return result;
}

SEEN int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec precise;

    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &precise) != 0)
        return -1;
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

SEEN time_t time(time_t *out)
{
    struct timespec now = {0, 0};

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL)
        *out = now.tv_sec;
    return now.tv_sec;
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("DANCE_FAULTS");
    int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *frame[1];
    void *mapped;

    (void)backtrace(frame, 1); /* it loads a library the first time */
    object = getenv("DANCE_FAULTS_OF");
    if (fd < 0)
        return;
    mapped = mmap(NULL, sizeof(*faults), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (mapped != MAP_FAILED)
        faults = mapped;
}
