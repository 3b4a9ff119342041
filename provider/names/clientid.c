/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "names/clientid.h"

#include <string.h>

const unsigned char dance_clientid_empty[1] = {0};

int dance_clientid_decode(const unsigned char *data, size_t data_len, const unsigned char **name,
                          size_t *len)
{
    if (data_len < 1 || data[0] != data_len - 1)
        return 0;
    *name = data + 1;
    *len = data_len - 1;
    return 1;
}

size_t dance_clientid_encode(unsigned char out[DANCE_CLIENTID_MAX], const char *name, size_t len)
{
    if (len > 255)
        len = 255;
    out[0] = (unsigned char)len;
    memcpy(out + 1, name, len);
    return len + 1;
}
