/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "lookup/page.h"

#include "generation.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

struct dance_page {
    pthread_mutex_t lock;                            /* held while it is replaced */
    const dance_generation_counter *_Atomic counter; /* NULL: none that counts */
    const dance_generation_counter *place;           /* where one is, or was */
    dev_t dev;
    ino_t ino;
};

struct dance_page *dance_page_new(void)
{
    struct dance_page *page = OPENSSL_zalloc(sizeof(*page));

    if (page != NULL)
        (void)pthread_mutex_init(&page->lock, NULL);
    return page;
}

void dance_page_free(struct dance_page *page)
{
    if (page == NULL)
        return;
    dance_generation_unmap(page->place);
    (void)pthread_mutex_destroy(&page->lock);
    OPENSSL_free(page);
}

/* With the lock held: the page behind fd, in the place of the one before; NULL: it is none. */
static const dance_generation_counter *map(struct dance_page *page, int fd)
{
    const dance_generation_counter *counter;
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0)
        return NULL;
    if (page->place != NULL && st.st_dev == page->dev && st.st_ino == page->ino)
        return page->place;
    counter = dance_generation_map(fd, page->place);
    if (counter == NULL)
        return NULL;
    page->place = counter;
    page->dev = st.st_dev;
    page->ino = st.st_ino;
    return counter;
}

bool dance_page_take(struct dance_page *page, int fd)
{
    const dance_generation_counter *counter;

    (void)pthread_mutex_lock(&page->lock);
    counter = map(page, fd);
    atomic_store(&page->counter, counter);
    (void)pthread_mutex_unlock(&page->lock);
    if (fd >= 0)
        (void)close(fd);
    return counter != NULL;
}

uint64_t dance_page_generation(struct dance_page *page)
{
    const dance_generation_counter *counter = atomic_load(&page->counter);

    return counter != NULL ? dance_generation_now(counter) : 0;
}
