/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "files/allow.h"

#include "log.h"
#include "names/patterns.h"
#include "process.h"
#include "stamp.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define FILE_MAX ((off_t)64 * 1024 * 1024)

struct dance_allow_file {
    _Atomic int references;
    struct dance_patterns *patterns;
    struct dance_file_stamp stamp;
    _Atomic long long looked_ms;
};

struct dance_allow_file *dance_allow_file_up_ref(struct dance_allow_file *file)
{
    if (file != NULL)
        (void)atomic_fetch_add(&file->references, 1);
    return file;
}

void dance_allow_file_free(struct dance_allow_file *file)
{
    if (file == NULL || atomic_fetch_sub(&file->references, 1) != 1)
        return;
    dance_patterns_free(file->patterns);
    OPENSSL_free(file);
}

/* The whole file, to be freed by OPENSSL_free(); NULL when it cannot be read. */
static char *slurp(const char *path, size_t *len)
{
    /* O_NONBLOCK: a FIFO in its place must not stop a handshake. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    char *text = NULL;
    size_t got = 0;

    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= 0 && st.st_size <= FILE_MAX)
        text = OPENSSL_malloc((size_t)st.st_size + 1);
    while (text != NULL && got < (size_t)st.st_size) {
        ssize_t n = read(fd, text + got, (size_t)st.st_size - got);

        if (n <= 0)
            break;
        got += (size_t)n;
    }
    (void)close(fd);
    *len = got;
    return text;
}

static struct dance_allow_file *load(const char *path)
{
    struct dance_allow_file *file = OPENSSL_zalloc(sizeof(*file));
    const char *fault = NULL;
    const char *at = "";
    size_t at_len = 0;
    size_t len = 0;
    char *text = NULL;
    int ok = 0;

    if (file == NULL)
        return NULL;
    atomic_init(&file->references, 1);
    file->patterns = dance_patterns_new();
    if (file->patterns != NULL && dance_file_stamp(path, &file->stamp))
        text = slurp(path, &len);
    if (text != NULL)
        ok = dance_patterns_add(file->patterns, text, len, "\n", '#', &fault, &at, &at_len) > 0;
    if (!ok) {
        dance_log(DANCE_LOG_ERROR, "server.allow_file = %s: %s%s%.*s", path,
                  fault != NULL ? fault : "it cannot be read", at_len > 0 ? ": " : "",
                  (int)(at_len > 256 ? 256 : at_len), at);
        dance_allow_file_free(file);
        file = NULL;
    } else {
        dance_patterns_sort(file->patterns);
        dance_log(DANCE_LOG_DEBUG, "read %zu patterns from %s",
                  dance_patterns_count(file->patterns), path);
    }
    OPENSSL_free(text);
    return file;
}

/* Of one process. */
struct allowed {
    pthread_mutex_t lock; /* held while the file is read again */
    struct dance_allow_file *file;
};

static void *make_allowed(const void *parents)
{
    const struct allowed *parent = parents;
    struct allowed *allowed = OPENSSL_zalloc(sizeof(*allowed));

    if (allowed == NULL)
        return NULL;
    (void)pthread_mutex_init(&allowed->lock, NULL);
    allowed->file = parent != NULL ? dance_allow_file_up_ref(parent->file) : NULL;
    return allowed;
}

static void discard_allowed(void *object)
{
    struct allowed *allowed = object;

    (void)pthread_mutex_destroy(&allowed->lock);
    dance_allow_file_free(allowed->file);
    OPENSSL_free(allowed);
}

static const struct dance_slot slot = {make_allowed, discard_allowed};

/* The patterns of the file as they are now, one reference for the caller; NULL when there are none.
 */
static struct dance_allow_file *current(struct allowed *allowed, const char *path)
{
    struct dance_allow_file *file;
    struct dance_file_stamp stamp;
    long long now = dance_now_ms();

    (void)pthread_mutex_lock(&allowed->lock);
    file = allowed->file;
    if (file == NULL) {
        file = allowed->file = load(path);
        if (file != NULL)
            atomic_store(&file->looked_ms, now);
    } else if (now - atomic_load(&file->looked_ms) >= DANCE_FILES_INTERVAL_MS) {
        atomic_store(&file->looked_ms, now);
        if (dance_file_stamp(path, &stamp) && dance_file_stamp_differs(&stamp, &file->stamp)) {
            struct dance_allow_file *fresh = load(path);

            if (fresh != NULL) {
                atomic_store(&fresh->looked_ms, now);
                allowed->file = fresh;
                dance_allow_file_free(file);
                file = fresh;
            }
        }
    }
    file = dance_allow_file_up_ref(file);
    (void)pthread_mutex_unlock(&allowed->lock);
    return file;
}

struct dance_allow_file *dance_allow_file_get(void)
{
    struct allowed *allowed =
        dance_config()->allow_file != NULL ? dance_process_object(&slot) : NULL;

    return allowed != NULL ? current(allowed, dance_config()->allow_file) : NULL;
}

const struct dance_patterns *dance_allow_file_patterns(const struct dance_allow_file *file)
{
    return file->patterns;
}

void dance_allow_file_open(void)
{
    dance_allow_file_free(dance_allow_file_get());
}

bool dance_allowed(const char *name, size_t len)
{
    const struct dance_config *config = dance_config();
    struct dance_allow_file *file;
    bool match;

    if (config->allow != NULL && dance_patterns_match(config->allow, name, len))
        return true;
    file = dance_allow_file_get();
    match = file != NULL && dance_patterns_match(file->patterns, name, len);
    dance_allow_file_free(file);
    return match;
}
