/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "update.h"

#include "program.h"
#include "store/text.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM "nsupdate"
#define TIMEOUT_SECONDS "20" /* nsupdate's own, for one request; it makes a few */
#define PATIENCE_SECONDS 60

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-_%";

const char *update_server_fault(const char *server)
{
    size_t len = strspn(server, letters);
    const char *port = server + len;

    if (len == 0 || len > 255)
        return "it is no name or address";
    if (*port == '\0')
        return NULL;
    if (*port != '@')
        return "it has octets that neither a name nor an address has";
    port++;
    len = strspn(port, "0123456789");
    return len > 0 && len <= 5 && port[len] == '\0' ? NULL : "what follows @ is no port";
}

/* nsupdate's input that does this to a record. */
static char *make_text(const char *server, const char *what, const char *owner, const char *ttl,
                       const struct dance_wire_record *record)
{
    char *data = dance_store_text_data(record);
    const char *port = server != NULL ? strchr(server, '@') : NULL;
    int server_len =
        server == NULL ? 0 : (int)(port != NULL ? port - server : (long)strlen(server));
    size_t size;
    char *text;

    if (data == NULL)
        return NULL;
    size = strlen(owner) + strlen(data) + (size_t)server_len + 128;
    text = OPENSSL_malloc(size);
    if (text != NULL)
        (void)snprintf(text, size, "%s%.*s%s%s%supdate %s %s. %sIN TLSA %s\nsend\n",
                       server != NULL ? "server " : "", server_len, server != NULL ? server : "",
                       port != NULL ? " " : "", port != NULL ? port + 1 : "",
                       server != NULL ? "\n" : "", what, owner, ttl, data);
    OPENSSL_free(data);
    return text;
}

char *update_text(const char *server, const char *owner, uint32_t ttl,
                  const struct dance_wire_record *record)
{
    char text[sizeof("4294967295 ")];

    (void)snprintf(text, sizeof(text), "%lu ", (unsigned long)ttl);
    return make_text(server, "add", owner, text, record);
}

char *update_removal(const char *server, const char *owner, const struct dance_wire_record *record)
{
    return make_text(server, "delete", owner, "", record);
}

bool update_send(const char *text, const char *tsig, char *why, size_t why_size)
{
    /* By TCP: what does not arrive is noticed. */
    const char *const words[] = {PROGRAM, "-v", "-t", TIMEOUT_SECONDS, tsig != NULL ? "-k" : NULL,
                                 tsig,    NULL};
    /* Unlike with a pipe nobody has to be there to read. */
    int input = program_memory(text);
    const struct program_files files = {input, STDERR_FILENO, STDERR_FILENO};
    int status = 0;
    int failure;

    if (input < 0) {
        (void)snprintf(why, why_size, "no memory for " PROGRAM "'s input: %s", strerror(errno));
        return false;
    }
    failure = program_run(words, &files, PATIENCE_SECONDS, &status);
    (void)close(input);
    if (failure == ETIMEDOUT)
        (void)snprintf(why, why_size, PROGRAM " has not ended within %d s", PATIENCE_SECONDS);
    else if (failure != 0)
        (void)snprintf(why, why_size, PROGRAM " cannot be started: %s%s", strerror(failure),
                       failure == ENOENT ? " (Debian: package bind9-dnsutils)" : "");
    else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        (void)snprintf(why, why_size, PROGRAM " could not do it (its %s is %d)",
                       WIFEXITED(status) ? "exit status" : "signal",
                       WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    else
        return true;
    return false;
}
