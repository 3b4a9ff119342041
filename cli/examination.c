/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "examination.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>

#define TEXT_MAX 2048

void examination_end(struct examination *x)
{
    dance_config_free(x->config);
    OPENSSL_free(x->forward);
    conf_lines_free(x->lines);
    conf_file_close(&x->file);
}

void examination_say(struct examination *x, enum report_severity severity, const char *section,
                     const char *key, const char *remedy, const char *format, ...)
{
    char where[CONF_WHERE_MAX];
    char text[TEXT_MAX];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    report_add(x->report, severity,
               conf_lines_where(where, x->lines,
                                section != NULL ? conf_lines_find(x->lines, section, key) : NULL),
               remedy, "%s", text);
}

const char *examination_section(const struct examination *x, enum dance_section section)
{
    if (section == DANCE_SECTION_MODULE)
        return x->file.module;
    return conf_file_value(&x->file, x->file.module, dance_section_names[section]);
}

void examination_load(const struct examination *x)
{
    (void)CONF_modules_load_file_ex(NULL, x->path, x->start, CONF_MFLAGS_DEFAULT_SECTION);
    ERR_clear_error();
}
