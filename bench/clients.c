/*
 * clients: many DANE clients of a server, and how long each handshake takes.
 *
 *     clients -p PORT -c CERTIFICATE -k KEY -f PREFIX -d DOMAIN [-n COUNT] [-o OFFSET]
 *             [-t THREADS] [-r RATE] [-s N] [-S SECONDS] [-m] [-x CHAINS]
 *
 * Client number i calls itself PREFIXi.DOMAIN; all have one key and a
 * certificate without a name. -r: so many handshakes a second of all threads,
 * begun on time whatever the others take (latency counts from the time it was
 * due); -S: go on for so long, beginning anew at OFFSET after COUNT; -s: each
 * Nth name is called slow and counted apart; -m: speaks MQTT, not HTTP; -x: a
 * file with the DNSSEC chain of each client from number OFFSET on, each behind
 * its length in two octets. Prints
 *
 *     ACCEPTED REFUSED MEDIAN_US P99_US MAX_US SLOW_ACCEPTED SLOW_REFUSED SLOW_MEDIAN_US
 *
 * This is a client of its own because the module has one identity a process.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "program.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define EXTENSION 65280
#define CHAIN_EXTENSION 65283
#define THREADS_MAX 4096
#define STACK (256 << 10)
#define PATIENCE_S 20
#define AGAIN_US 250000
#define PATIENCE_MQTT_S 300 /* a broker takes one after the other */

static struct {
    int port, count, offset, threads, rate, slow, seconds, mqtt;
    const char *certificate, *key, *prefix, *domain, *chains;
} option = {.count = 1000, .threads = 1};

static SSL_CTX *context;
static atomic_int next;
static double begun;
static int index_of_name, index_of_number;

struct chain {
    const unsigned char *octets;
    size_t len;
};
static struct chain *chains;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Of the fast and of the slow ones. */
static struct {
    double *took;
    int room, accepted, refused;
} results[2];

static double now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int on_add(SSL *ssl, unsigned type, unsigned ctx, const unsigned char **out, size_t *len,
                  X509 *x, size_t entry, int *alert, void *arg)
{
    static __thread unsigned char data[256];
    const char *name = SSL_get_ex_data(ssl, index_of_name);

    (void)type;
    (void)x;
    (void)alert;
    (void)arg;
    if (ctx != SSL_EXT_TLS1_3_CERTIFICATE || entry != 0)
        return 0;
    data[0] = (unsigned char)strlen(name);
    memcpy(data + 1, name, data[0]);
    *out = data;
    *len = (size_t)data[0] + 1;
    return 1;
}

static int on_add_chain(SSL *ssl, unsigned type, unsigned ctx, const unsigned char **out,
                        size_t *len, X509 *x, size_t entry, int *alert, void *arg)
{
    const struct chain *chain = &chains[(size_t)SSL_get_ex_data(ssl, index_of_number)];

    (void)type;
    (void)x;
    (void)alert;
    (void)arg;
    if (ctx != SSL_EXT_TLS1_3_CERTIFICATE || entry != 0)
        return 0;
    *out = chain->octets;
    *len = chain->len;
    return 1;
}

static int on_parse(SSL *ssl, unsigned type, unsigned ctx, const unsigned char *in, size_t len,
                    X509 *x, size_t entry, int *alert, void *arg)
{
    (void)ssl;
    (void)type;
    (void)ctx;
    (void)in;
    (void)len;
    (void)x;
    (void)entry;
    (void)alert;
    (void)arg;
    return 1;
}

/* What a client says first, so that the server answers; its length. */
static int request(char *out, size_t size, const char *name)
{
    static const char header[] = "\x00\x04MQTT\x04\x02\x00\x3c";
    size_t len = strlen(name);

    if (!option.mqtt)
        return snprintf(out, size, "GET / HTTP/1.0\r\n\r\n");
    /* CONNECT, a clean session, the name as client identifier: less than 128 octets. */
    out[0] = 0x10;
    out[1] = (char)(sizeof(header) - 1 + 2 + len);
    memcpy(out + 2, header, sizeof(header) - 1);
    out[sizeof(header) + 1] = 0;
    out[sizeof(header) + 2] = (char)len;
    memcpy(out + sizeof(header) + 3, name, len);
    return (int)(sizeof(header) + 3 + len);
}

/*
 * A connection, or -1. A broker's line of those who wait to be taken is short, and the kernel
 * knocks again later and later, after two minutes at last; a device that is not let in comes anew.
 */
static int reach(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((unsigned short)option.port)};
    int patience = option.mqtt ? PATIENCE_MQTT_S : PATIENCE_S;
    struct timeval once = {option.mqtt ? 0 : patience, option.mqtt ? AGAIN_US : 0};
    struct timeval limit = {patience, 0};
    double end = now_us() + patience * 1e6;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    do {
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &once, sizeof(once));
        if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
            return fd;
        close(fd);
    } while (now_us() < end);
    return -1;
}

/* The chains of all clients; 0: there are not as many. */
static int read_chains(const char *path)
{
    FILE *in = fopen(path, "rb");
    int i = 0;

    chains = calloc((size_t)option.count, sizeof(*chains));
    while (in != NULL && chains != NULL && i < option.count) {
        int high = getc(in);
        int low = getc(in);
        size_t len = high < 0 || low < 0 ? 0 : (size_t)high << 8 | (size_t)low;
        unsigned char *octets = malloc(len + 1);

        if (len == 0 || octets == NULL || fread(octets, 1, len, in) != len) {
            free(octets);
            break;
        }
        chains[i++] = (struct chain){octets, len};
    }
    if (in != NULL)
        fclose(in);
    return i == option.count;
}

/* 1: let in, which the server says with its first octet. */
static int one(const char *name, size_t number)
{
    int fd = reach();
    SSL *ssl = SSL_new(context);
    char octets[512];
    int accepted = 0;

    if (fd >= 0 && SSL_set_fd(ssl, fd) && SSL_set_ex_data(ssl, index_of_name, (void *)(size_t)name)
        && SSL_set_ex_data(ssl, index_of_number, (void *)number) && SSL_connect(ssl) == 1) {
        accepted = SSL_write(ssl, octets, request(octets, sizeof(octets), name)) > 0
                   && SSL_read(ssl, octets, sizeof(octets)) > 0;
    }
    SSL_free(ssl);
    if (fd >= 0)
        close(fd);
    ERR_clear_error();
    return accepted;
}

static void note(int slow, int accepted, double took)
{
    pthread_mutex_lock(&lock);
    if (results[slow].accepted + results[slow].refused == results[slow].room) {
        results[slow].room = results[slow].room * 2 + 1024;
        results[slow].took =
            realloc(results[slow].took, (size_t)results[slow].room * sizeof(double));
    }
    if (results[slow].took != NULL)
        results[slow].took[results[slow].accepted + results[slow].refused] = took;
    if (accepted)
        results[slow].accepted++;
    else
        results[slow].refused++;
    pthread_mutex_unlock(&lock);
}

static void *run(void *arg)
{
    for (;;) {
        int i = atomic_fetch_add(&next, 1);
        int number = option.offset + i % option.count;
        double due = now_us();
        char name[256];

        if (option.seconds > 0 ? now_us() > begun + option.seconds * 1e6 : i >= option.count)
            return arg;
        if (option.rate > 0) {
            due = begun + i * 1e6 / option.rate;
            while (now_us() < due)
                usleep((useconds_t)(due - now_us() > 1 ? due - now_us() : 1));
        }
        (void)snprintf(name, sizeof(name), "%s%d.%s", option.prefix, number, option.domain);
        int accepted = one(name, (size_t)(number - option.offset));
        note(option.slow > 0 && number % option.slow == 0, accepted, now_us() - due);
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static double percentile(int slow, int percent)
{
    int n = results[slow].accepted + results[slow].refused;

    return n > 0 ? results[slow].took[(long)(n - 1) * percent / 100] : 0;
}

int main(int argc, char *argv[])
{
    static const struct program_option table[] = {
        NUMBER('p', option.port),    TEXT('c', option.certificate),
        TEXT('k', option.key),       TEXT('f', option.prefix),
        TEXT('d', option.domain),    NUMBER('n', option.count),
        NUMBER('o', option.offset),  NUMBER('t', option.threads),
        NUMBER('r', option.rate),    NUMBER('s', option.slow),
        NUMBER('S', option.seconds), FLAG('m', option.mqtt),
        TEXT('x', option.chains),    {0},
    };
    static pthread_t thread[THREADS_MAX];
    pthread_attr_t attributes;

    read_options(argc, argv, table);
    signal(SIGPIPE, SIG_IGN);
    context = SSL_CTX_new(TLS_client_method());
    index_of_name = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    index_of_number = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    if (context == NULL || option.prefix == NULL || option.domain == NULL
        || option.threads > THREADS_MAX || option.count < 1
        || SSL_CTX_use_certificate_chain_file(context, option.certificate) != 1
        || SSL_CTX_use_PrivateKey_file(context, option.key, SSL_FILETYPE_PEM) != 1
        || !SSL_CTX_add_custom_ext(context, EXTENSION,
                                   SSL_EXT_TLS1_3_ONLY | SSL_EXT_TLS1_3_CERTIFICATE
                                       | SSL_EXT_TLS1_3_CERTIFICATE_REQUEST,
                                   on_add, NULL, NULL, on_parse, NULL)
        || (option.chains != NULL
            && (!read_chains(option.chains)
                || !SSL_CTX_add_custom_ext(context, CHAIN_EXTENSION,
                                           SSL_EXT_TLS1_3_ONLY | SSL_EXT_TLS1_3_CERTIFICATE
                                               | SSL_EXT_TLS1_3_CERTIFICATE_REQUEST,
                                           on_add_chain, NULL, NULL, on_parse, NULL)))) {
        ERR_print_errors_fp(stderr);
        return 1;
    }
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK);
    begun = now_us();
    for (int i = 0; i < option.threads; i++)
        if (pthread_create(&thread[i], &attributes, run, NULL) != 0)
            return 1;
    for (int i = 0; i < option.threads; i++)
        pthread_join(thread[i], NULL);
    for (int i = 0; i < 2; i++)
        qsort(results[i].took, (size_t)(results[i].accepted + results[i].refused), sizeof(double),
              compare);
    printf("%d %d %.1f %.1f %.1f %d %d %.1f\n", results[0].accepted, results[0].refused,
           percentile(0, 50), percentile(0, 99), percentile(0, 100), results[1].accepted,
           results[1].refused, percentile(1, 50));
    return 0;
}
