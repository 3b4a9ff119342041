/*
 * sanitizers.h: is AddressSanitizer or ThreadSanitizer built in? They read files, start
 * processes and trace them, so what stands in their way is left out of the sandbox.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_SANITIZERS_H
#define DANCE_SANITIZERS_H

#ifdef __has_feature
#define SANDBOX_FEATURE(NAME) __has_feature(NAME)
#else
#define SANDBOX_FEATURE(NAME) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)                                  \
    || SANDBOX_FEATURE(address_sanitizer) || SANDBOX_FEATURE(thread_sanitizer)
#define SANDBOX_SANITIZED 1
#else
#define SANDBOX_SANITIZED 0
#endif

#endif
