/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "examine_trials.h"

#include "loaded.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool module_path(const struct examination *x, char out[MODULE_PATH_MAX])
{
    const char *module = conf_file_value(&x->file, x->file.module, "module");
    const char *folder = secure_getenv("OPENSSL_MODULES");
    int len;

    folder = folder != NULL ? folder : OPENSSL_info(OPENSSL_INFO_MODULES_DIR);
    if (module != NULL && *module == '/')
        len = snprintf(out, MODULE_PATH_MAX, "%s", module);
    else if (module != NULL)
        len = snprintf(out, MODULE_PATH_MAX, "%s/%s", folder, module);
    else
        len = snprintf(out, MODULE_PATH_MAX, "%s/%s%s", folder, x->name,
                       OPENSSL_info(OPENSSL_INFO_DSO_EXTENSION));
    return len > 0 && len < MODULE_PATH_MAX;
}

/* What of an error's data stands behind the path, which dlopen(3) and libcrypto both put there. */
static const char *behind_path(const char *data, const char *path)
{
    const char *at;

    while ((at = strstr(data, path)) != NULL)
        data = at + strlen(path);
    return data + strspn(data, "): ");
}

/* The file alone, without a configuration. */
static bool load_module(const void *from, char *text, size_t size)
{
    OSSL_LIB_CTX *ctx = OSSL_LIB_CTX_new();
    const char *path = from;
    const char *data = NULL;
    const char *reason;
    unsigned long error;
    int flags = 0;

    ERR_clear_error();
    if (ctx != NULL && OSSL_PROVIDER_load(ctx, path) != NULL)
        return true;
    error = ERR_peek_error_all(NULL, NULL, NULL, &data, &flags);
    reason = ERR_reason_error_string(error);
    data = (flags & ERR_TXT_STRING) != 0 && data != NULL ? behind_path(data, path) : "";
    if (*data == '\0')
        data = reason != NULL ? reason : "it does not say why";
    (void)snprintf(text, size, "%s", data);
    return false;
}

/* As an application that starts. An empty text: it was not activated. */
static bool load_all(const void *from, char *text, size_t size)
{
    examination_load(from);
    return loaded_says(text, size);
}

/* A provider that is to bring the algorithms may itself be missing. */
static bool has_algorithms(const void *from, char *text, size_t size)
{
    (void)text;
    (void)size;
    examination_load(from);
    return loaded_has_algorithms();
}

static void say_inactive(struct examination *x)
{
    char remedy[400];

    if (x->before != NULL) {
        (void)snprintf(remedy, sizeof(remedy),
                       "make providers the first line of [%s], and see to what %s names", x->init,
                       x->before);
        examination_say(x, REPORT_FAULT, x->init, x->before, remedy,
                        "%s stands before providers and fails: OpenSSL stops there and loads no "
                        "provider",
                        x->before);
    } else if (x->report->count[REPORT_FAULT] == 0) {
        examination_say(
            x, REPORT_FAULT, x->file.module, NULL,
            "look at what [default] and the other providers' sections name; openssl list "
            "-providers -verbose has to show dance",
            "OpenSSL does not activate the module with this file");
    }
}

void examine_trials(struct examination *x, const struct trial_user *user)
{
    char path[MODULE_PATH_MAX];
    char text[TRIAL_TEXT_MAX];
    bool good;

    if (!module_path(x, path)) {
        examination_say(x, REPORT_FAULT, x->file.module, "module",
                        "name the file by a shorter path", "the path of the module is too long");
        return;
    }
    if (!trial(load_module, path, user, text)) {
        examination_say(x, REPORT_FAULT, x->file.module, "module",
                        "correct the path, or install the module there, built for this OpenSSL and "
                        "readable for the application; OpenSSL goes on without it and says nothing",
                        "OpenSSL cannot load the module %s: %s", path, text);
        return;
    }
    good = trial(load_all, x, user, text);
    if (!good && *text == '\0') {
        say_inactive(x);
        return;
    }
    if (x->before != NULL)
        examination_say(
            x, REPORT_WARNING, x->init, x->before, "make providers the first line of the section",
            "%s stands before providers; where it fails OpenSSL loads no provider", x->before);
    if (good)
        examination_say(x, REPORT_GOOD, x->file.module, "module", NULL, "OpenSSL loads %s: %s",
                        path, text);
    else if (x->report->count[REPORT_FAULT] == 0)
        examination_say(x, REPORT_FAULT, x->file.module, NULL, "correct what it says", "%s", text);
    if (x->report->count[REPORT_FAULT] == 0 && !trial(has_algorithms, x, user, text))
        examination_say(x, REPORT_FAULT, x->init, "providers",
                        "see to it that the provider with the algorithms is there, or activate "
                        "default",
                        "with this file OpenSSL has no SHA2-256%s%s", *text != '\0' ? ": " : "",
                        text);
    if (x->report->count[REPORT_FAULT] == 0
        && !loaded_makes_contexts(x->path, conf_file_value(&x->file, x->init, "ssl_conf"), text))
        examination_say(x, REPORT_FAULT, x->init, "ssl_conf",
                        "correct or remove the line that it names in what ssl_conf leads to",
                        "with this file no application can make an SSL_CTX: %s", text);
}
