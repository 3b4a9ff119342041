/*
 * handshakes: TLS 1.3 handshakes between two ends in this process, and what they cost.
 *
 * Client and server talk through memory, so that nothing is measured but
 * libssl and what the configuration adds to it. Prints one line:
 *
 *     RATE SERVER_US MEDIAN_US P99_US RSS_KIB DESCRIPTORS PROCESSORS HEAP_KIB
 *
 * handshakes a second in all; CPU time of the server's side of one; median and
 * 99th percentile of the time that the server's side of one took; memory and
 * descriptors at the end; processors that were busy with it in the mean; what
 * is allocated at the end, of all that malloc has. Any handshake that fails ends
 * the program with 1.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "program.h"

#include <dirent.h>
#include <malloc.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

static struct {
    const char *certificate, *key, *client_certificate, *client_key, *ca;
    int count, threads, warm, resume, steps, unchecked;
} option = {.count = 1000, .threads = 1};

static SSL_CTX *server_ctx, *client_ctx;

struct job {
    pthread_t thread;
    int count;
    double server_cpu;
    double *took; /* seconds of each, of count */
};

static double seconds(clockid_t clock)
{
    struct timespec t;

    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* One step of one side; what it cost is added to *cpu and *took, where they are wanted. */
static int step(SSL *ssl, double *cpu, double *took)
{
    double cpu_before = seconds(CLOCK_THREAD_CPUTIME_ID);
    double before = seconds(CLOCK_MONOTONIC);
    int rv = SSL_do_handshake(ssl);

    if (cpu != NULL) {
        *took += seconds(CLOCK_MONOTONIC) - before;
        *cpu += seconds(CLOCK_THREAD_CPUTIME_ID) - cpu_before;
    }
    if (rv != 1 && SSL_get_error(ssl, rv) != SSL_ERROR_WANT_READ)
        die("a handshake failed");
    return rv == 1;
}

/* session: in, to be resumed, or NULL; out, the new one, where resume is asked for. */
static void handshake(struct job *job, double *took, SSL_SESSION **session)
{
    SSL *client = SSL_new(client_ctx);
    SSL *server = SSL_new(server_ctx);
    BIO *one = NULL;
    BIO *two = NULL;
    int client_done = 0;
    int server_done = 0;
    char octet;

    if (client == NULL || server == NULL || !BIO_new_bio_pair(&one, 65536, &two, 65536))
        die("out of memory");
    SSL_set_bio(client, one, one);
    SSL_set_bio(server, two, two);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    if (session != NULL && *session != NULL)
        SSL_set_session(client, *session);
    while (!client_done || !server_done) {
        if (!client_done)
            client_done = step(client, NULL, NULL);
        if (!server_done)
            server_done = step(server, &job->server_cpu, took);
    }
    if (session != NULL) {
        /* The ticket comes behind the handshake. */
        (void)SSL_read(client, &octet, 1);
        if (*session != NULL && !SSL_session_reused(client))
            die("a session was not resumed");
        SSL_SESSION_free(*session);
        *session = SSL_get1_session(client);
    }
    (void)SSL_shutdown(client);
    (void)SSL_shutdown(server);
    SSL_free(client);
    SSL_free(server);
}

static void *run(void *arg)
{
    struct job *job = arg;
    SSL_SESSION *session = NULL;

    if (option.resume)
        handshake(job, &job->took[0], &session);
    job->server_cpu = 0;
    for (int i = 0; i < job->count; i++) {
        job->took[i] = 0;
        handshake(job, &job->took[i], option.resume ? &session : NULL);
    }
    SSL_SESSION_free(session);
    return NULL;
}

static long resident_kib(void)
{
    char line[256];
    long kib = 0;
    FILE *f = fopen("/proc/self/status", "r");

    while (f != NULL && fgets(line, sizeof(line), f) != NULL)
        (void)sscanf(line, "VmRSS: %ld", &kib);
    if (f != NULL)
        fclose(f);
    return kib;
}

static double allocated_kib(void)
{
    struct mallinfo2 info = mallinfo2();

    return (double)(info.uordblks + info.hblkhd) / 1024;
}

static int descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    while (d != NULL && readdir(d) != NULL)
        n++;
    if (d != NULL)
        closedir(d);
    return n - 3; /* ".", ".." and the folder itself */
}

/* An application that looks at nothing: what is left is the handshake itself. */
static int accept_anybody(X509_STORE_CTX *ctx, void *arg)
{
    (void)ctx;
    (void)arg;
    return 1;
}

static void make_contexts(void)
{
    static const unsigned char id[] = "handshakes";

    server_ctx = SSL_CTX_new(TLS_server_method());
    client_ctx = SSL_CTX_new(TLS_client_method());
    if (server_ctx == NULL || client_ctx == NULL
        || SSL_CTX_use_certificate_chain_file(server_ctx, option.certificate) != 1
        || SSL_CTX_use_PrivateKey_file(server_ctx, option.key, SSL_FILETYPE_PEM) != 1
        || !SSL_CTX_set_session_id_context(server_ctx, id, sizeof(id) - 1)
        || (option.ca != NULL && SSL_CTX_load_verify_file(server_ctx, option.ca) != 1))
        die("the server's context cannot be made");
    if (option.ca != NULL)
        SSL_CTX_set_verify(server_ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    if (option.unchecked)
        SSL_CTX_set_cert_verify_callback(server_ctx, accept_anybody, NULL);
    if (option.client_certificate != NULL
        && (SSL_CTX_use_certificate_chain_file(client_ctx, option.client_certificate) != 1
            || SSL_CTX_use_PrivateKey_file(client_ctx, option.client_key, SSL_FILETYPE_PEM) != 1))
        die("the client's context cannot be made");
    SSL_CTX_set_session_cache_mode(server_ctx, SSL_SESS_CACHE_OFF);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

/* count handshakes by all threads together; print what they cost. */
static void measure(int count, int silent)
{
    struct job *jobs = calloc((size_t)option.threads, sizeof(*jobs));
    double *all = calloc((size_t)count + 1, sizeof(*all));
    int each = count / option.threads;
    double begin = seconds(CLOCK_MONOTONIC);
    double busy = seconds(CLOCK_PROCESS_CPUTIME_ID);
    double cpu = 0;
    double median;
    double late;
    double took;

    if (jobs == NULL || all == NULL)
        die("out of memory");
    for (int i = 0; i < option.threads; i++) {
        jobs[i].count = each;
        jobs[i].took = all + (ptrdiff_t)i * each;
        if (pthread_create(&jobs[i].thread, NULL, run, &jobs[i]) != 0)
            die("no thread");
    }
    for (int i = 0; i < option.threads; i++) {
        (void)pthread_join(jobs[i].thread, NULL);
        cpu += jobs[i].server_cpu;
    }
    took = seconds(CLOCK_MONOTONIC) - begin;
    busy = seconds(CLOCK_PROCESS_CPUTIME_ID) - busy;
    count = each * option.threads;
    qsort(all, (size_t)count, sizeof(*all), compare);
    median = all[count / 2];
    late = all[count * 99L / 100];
    free(all);
    if (!silent)
        printf("%.1f %.2f %.2f %.2f %ld %d %.3f %.2f\n", count / took, cpu / count * 1e6,
               median * 1e6, late * 1e6, resident_kib(), descriptors(), busy / took,
               allocated_kib());
    fflush(stdout);
    free(jobs);
}

int main(int argc, char *argv[])
{
    static const struct program_option table[] = {
        TEXT('c', option.certificate),
        TEXT('k', option.key),
        TEXT('C', option.client_certificate),
        TEXT('K', option.client_key),
        TEXT('a', option.ca),
        NUMBER('n', option.count),
        NUMBER('t', option.threads),
        NUMBER('w', option.warm),
        NUMBER('s', option.steps), /* so many lines, one after each count */
        FLAG('r', option.resume),
        FLAG('x', option.unchecked),
        {0},
    };

    read_options(argc, argv, table);
    if (option.threads < 1 || option.count < option.threads)
        return 2;
    make_contexts();
    if (option.warm >= option.threads)
        measure(option.warm, 1);
    for (int i = 0; i < (option.steps > 0 ? option.steps : 1); i++)
        measure(option.count, 0);
    SSL_CTX_free(server_ctx);
    SSL_CTX_free(client_ctx);
    return 0;
}
