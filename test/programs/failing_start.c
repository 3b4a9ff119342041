/*
 * failing_start: a server whose process runs out of memory while it starts, or
 * in a handshake. It asks nobody for a certificate and would let in everybody;
 * the client, in the same process, has none.
 *
 * Each run is a child in which libcrypto's n-th allocation fails (with -r more
 * behind it), for each n. A run's SSL_CTX is tried once more with all the memory
 * there is. Prints how many runs there were and what became of them: none may
 * crash in dance.so, and none may admit the client, unless the failing
 * allocation came before libcrypto had called dance.so, and it never did: then
 * nothing of ours ran. With -o dance is not configured, and lets the client in.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "pair.h"
#include "program.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <link.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define ALLOCATIONS_MAX 200000
#define FRAMES_MAX 64

static const char *server_cert, *server_key, *provider = "dance";
static int in_handshake, in_a_row = 1, first = 1, last, step = 1, verbose, lets_in, patience = 10;

/* What a child tells its parent; the memory is shared. */
static struct {
    int allocations;            /* in the part where they fail */
    int came_to_us;             /* the number of the first one that came from dance.so */
    int loaded;                 /* in the end libcrypto has the provider */
    int context;                /* 0: none was made, 1: at once, 2: at the second time */
    int possible;               /* the handshake came to an end, good or bad */
    int admitted;               /* and the client got through it */
    int crash_is_ours;          /* it crashed with dance.so on the stack */
    char ours[ALLOCATIONS_MAX]; /* dance.so was on the stack */
} * told;

static int failing, tracing, count, fails_at;
static ElfW(Addr) ours_from, ours_to;

static int find_ours(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    (void)data;
    if (strstr(info->dlpi_name, "dance.so") == NULL)
        return 0;
    ours_from = ours_to = info->dlpi_addr;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        ElfW(Addr) end = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;

        if (info->dlpi_phdr[i].p_type == PT_LOAD && end > ours_to)
            ours_to = end;
    }
    return 1;
}

static int is_on_stack(void)
{
    void *frame[FRAMES_MAX];
    int frames = backtrace(frame, FRAMES_MAX);

    if (ours_to == 0 && !dl_iterate_phdr(find_ours, NULL))
        return 0;
    for (int i = 0; i < frames; i++) {
        if ((ElfW(Addr))frame[i] >= ours_from && (ElfW(Addr))frame[i] < ours_to)
            return 1;
    }
    return 0;
}

/* libcrypto itself crashes in some places. */
static void on_crash(int number)
{
    told->crash_is_ours = is_on_stack();
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

/* This allocation is to fail. */
static int fails(void)
{
    if (!failing)
        return 0;
    count++;
    if (tracing && count < ALLOCATIONS_MAX && is_on_stack()) {
        told->ours[count] = 1;
        if (told->came_to_us == 0)
            told->came_to_us = count;
    }
    if (fails_at == 0 || count < fails_at || count >= fails_at + in_a_row)
        return 0;
    if (verbose) {
        void *frame[FRAMES_MAX];

        failing = 0;
        backtrace_symbols_fd(frame, backtrace(frame, FRAMES_MAX), STDERR_FILENO);
        failing = 1;
    }
    return 1;
}

static void *counted_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return fails() ? NULL : malloc(size);
}

static void *counted_realloc(void *old, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    if (size == 0) {
        free(old);
        return NULL;
    }
    return fails() ? NULL : realloc(old, size);
}

static void counted_free(void *block, const char *file, int line)
{
    (void)file;
    (void)line;
    free(block);
}

/* One process's life; n: which allocation fails, 0: none. */
static void run(int n)
{
    SSL_CTX *server_ctx, *client_ctx;
    struct pair_outcome outcome;

    fails_at = n;
    tracing = n == 0;
    failing = !in_handshake;
    server_ctx = SSL_CTX_new(TLS_server_method());
    told->context = server_ctx != NULL;
    if (!in_handshake) {
        failing = 0;
        told->allocations = count;
    }
    if (server_ctx == NULL && (server_ctx = SSL_CTX_new(TLS_server_method())) != NULL)
        told->context = 2;
    told->loaded = OSSL_PROVIDER_available(NULL, provider);
    ERR_clear_error();
    client_ctx = SSL_CTX_new(TLS_client_method());
    if (server_ctx != NULL && client_ctx != NULL
        && SSL_CTX_use_certificate_chain_file(server_ctx, server_cert)
        && SSL_CTX_use_PrivateKey_file(server_ctx, server_key, SSL_FILETYPE_PEM)) {
        failing = in_handshake;
        outcome = pair_connect(server_ctx, client_ctx);
        failing = 0;
        told->possible = outcome.possible;
        told->admitted = outcome.admitted;
        if (in_handshake)
            told->allocations = count;
    }
    if (verbose)
        ERR_print_errors_fp(stderr);
    SSL_CTX_free(server_ctx);
    SSL_CTX_free(client_ctx);
}

/* The same in a process of its own. Its status as of waitpid(). */
static int run_apart(int n)
{
    int status = -1;
    pid_t child;

    told->allocations = told->loaded = told->context = told->possible = told->admitted = 0;
    told->crash_is_ours = 0;
    (void)fflush(stdout);
    child = fork();
    if (child < 0)
        die("fork");
    if (child == 0) {
        /* OpenSSL 3.5 waits for itself when the first allocation of all fails. */
        (void)alarm((unsigned)patience);
        (void)signal(SIGSEGV, on_crash);
        (void)signal(SIGABRT, on_crash);
        if (!CRYPTO_set_mem_functions(counted_malloc, counted_realloc, counted_free))
            _exit(2);
        run(n);
        exit(0);
    }
    (void)waitpid(child, &status, 0);
    return status;
}

int main(int argc, char *argv[])
{
    struct program_option table[] = {
        TEXT('c', server_cert), TEXT('k', server_key),   TEXT('p', provider), NUMBER('r', in_a_row),
        NUMBER('f', first),     NUMBER('l', last),       NUMBER('s', step),   NUMBER('w', patience),
        FLAG('v', verbose),     FLAG('h', in_handshake), FLAG('o', lets_in),  {0}};
    int runs = 0, crashed = 0, crashed_ours = 0, possible = 0, retried = 0, before_us = 0,
        admitted = 0, ours = 0;
    int allocations;
    void *frame[1];

    read_options(argc, argv, table);
    (void)backtrace(frame, 1); /* it loads a library the first time */
    told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (told == MAP_FAILED)
        die("mmap");
    if (run_apart(0) != 0 || !told->loaded || !told->possible || told->admitted != lets_in
        || told->came_to_us == 0)
        die("the run where nothing fails");
    allocations = told->allocations;
    if (last == 0 || last > allocations)
        last = allocations;
    for (int n = first; n <= last; n += step) {
        int status = run_apart(n);

        runs++;
        ours += told->ours[n];
        possible += told->possible;
        retried += told->context == 2;
        if (status != 0) {
            crashed++;
            crashed_ours += told->crash_is_ours;
            printf("%d: ended with %x%s\n", n, (unsigned)status,
                   told->crash_is_ours ? ", dance.so was on the stack" : "");
        } else if (told->admitted && !in_handshake && n < told->came_to_us && !told->loaded) {
            before_us++;
        } else if (told->admitted) {
            admitted++;
            if (lets_in)
                continue;
            printf("%d: admitted%s%s\n", n, told->ours[n] ? ", dance.so was on the stack" : "",
                   told->loaded ? "" : ", dance is not loaded");
        }
    }
    printf(
        "allocations %d, the first of ours %d, runs %d, from dance.so %d, handshakes %d, "
        "second SSL_CTX %d, never came to dance.so %d, crashed %d, in dance.so %d, admitted %d\n",
        allocations, told->came_to_us, runs, ours, possible, retried, before_us, crashed,
        crashed_ours, admitted);
    return 0;
}
