/*
 * certificate.h: certificate_names = match.
 *
 * Applications take a user's name from the certificate, and under DANE-EE and
 * DANE-TA the owner of the domain wrote that certificate. So it may name nobody
 * but the DANE identity: an empty subject or exactly one CN; the CN and every
 * dNSName equal to the owner name, or to what follows its leading _service
 * label; no other kind of subjectAltName. And nobody may have a second spelling
 * of his name, which an application's list does not know: lower case, string
 * types whose octets are the name, subject and subjectAltName in DER and
 * nothing behind it.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_NAMES_CERTIFICATE_H
#define DANCE_NAMES_CERTIFICATE_H

#include <openssl/x509.h>

/*
 * What in leaf names somebody else than the owner name, which is checked and in
 * lower case, as a static text; NULL when nothing does. Leaves the error queue as it was.
 */
const char *dance_cert_names_fault(const X509 *leaf, const char *owner, size_t owner_len);

#endif
