/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "openssl/binding.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#ifndef ElfW /* for analyzers that read no system headers; <link.h> has it */
#define ElfW(type) Elf64_##type
#endif

#define VERSION_NUMBER 0x7fff /* of an entry of DT_VERSYM; the bit above means "hidden" */

/* A loaded program or library: where it lies in memory, and its dynamic section. */
struct object {
    uintptr_t base, from, to;
    const ElfW(Dyn) * dynamic;
};

/* What dl_iterate_phdr() is to find. */
struct search {
    uintptr_t address;
    struct object found;
};

static struct object libcrypto, libssl;
static bool mixed;

static bool within(const struct object *o, uintptr_t address)
{
    return address >= o->from && address < o->to;
}

static int is_there(struct dl_phdr_info *info, size_t size, void *data)
{
    struct search *search = data;
    struct object o = {.base = info->dlpi_addr, .from = UINTPTR_MAX};

    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        uintptr_t start = o.base + p->p_vaddr;

        if (p->p_type == PT_DYNAMIC)
            o.dynamic = (const void *)start;
        if (p->p_type != PT_LOAD)
            continue;
        o.from = start < o.from ? start : o.from;
        o.to = start + p->p_memsz > o.to ? start + p->p_memsz : o.to;
    }
    if (!within(&o, search->address))
        return 0;
    search->found = o;
    return 1;
}

/* All zeros, and nothing within, if no object is at the address. */
static struct object object_at(uintptr_t address)
{
    struct search search = {.address = address};

    (void)dl_iterate_phdr(is_there, &search);
    return search.found;
}

/* The value of a tag of the dynamic section; 0 if there is none. */
static uintptr_t value_of(const struct object *o, ElfW(Sxword) wanted)
{
    for (const ElfW(Dyn) *d = o->dynamic; d != NULL && d->d_tag != DT_NULL; d++) {
        if (d->d_tag == wanted)
            return d->d_un.d_val;
    }
    return 0;
}

/* The same for an address. Whether the loader has added the base depends on the machine. */
static const void *table_of(const struct object *o, ElfW(Sxword) wanted)
{
    uintptr_t value = value_of(o, wanted);

    return value == 0 ? NULL : (const void *)(value < o->base ? o->base + value : value);
}

/* The library that a symbol's version comes from, such as "libssl.so.3"; "" for none. */
static const char *library_of(const struct object *o, unsigned version)
{
    const char *strings = table_of(o, DT_STRTAB);

    for (const char *at = table_of(o, DT_VERNEED); at != NULL && strings != NULL;) {
        const ElfW(Verneed) *need = (const void *)at;
        const char *next = at + need->vn_aux;

        for (unsigned i = 0; i < need->vn_cnt; i++) {
            const ElfW(Vernaux) *aux = (const void *)next;

            if (aux->vna_other == version)
                return strings + need->vn_file;
            next += aux->vna_next;
        }
        at = need->vn_next != 0 ? at + need->vn_next : NULL;
    }
    return "";
}

/* The first function of a library says where that is, the others must be there too. */
static bool fits(struct object *library, uintptr_t function)
{
    if (library->to == 0)
        *library = object_at(function);
    return within(library, function);
}

/*
 * See where the loader has bound our calls to. Only calls count (DT_JMPREL):
 * the address of a function may stand for a stub in the program, which goes to
 * the same function in the end.
 */
static void look(void)
{
    const struct object self = object_at((uintptr_t)&look);
    const ElfW(Half) *versions = table_of(&self, DT_VERSYM);
    const char *calls = table_of(&self, DT_JMPREL);
    size_t size = value_of(&self, DT_PLTREL) == DT_RELA ? sizeof(ElfW(Rela)) : sizeof(ElfW(Rel));

    for (size_t at = 0; calls != NULL && at < value_of(&self, DT_PLTRELSZ); at += size) {
        const ElfW(Rel) *call = (const void *)(calls + at); /* where ElfW(Rela) begins alike */
        size_t symbol =
            sizeof(call->r_info) == 8 ? ELF64_R_SYM(call->r_info) : ELF32_R_SYM(call->r_info);
        uintptr_t function = *(const uintptr_t *)(self.base + call->r_offset);
        const char *library =
            library_of(&self, versions != NULL ? versions[symbol] & VERSION_NUMBER : 0);

        if (strncmp(library, "libcrypto.so", strlen("libcrypto.so")) == 0)
            mixed = !fits(&libcrypto, function) || mixed;
        else if (strncmp(library, "libssl.so", strlen("libssl.so")) == 0)
            mixed = !fits(&libssl, function) || mixed;
    }
    mixed = mixed || libcrypto.to == 0 || libssl.to == 0;
}

enum dance_binding dance_binding_of(OSSL_FUNC_core_get_params_fn *of_core)
{
    static pthread_once_t looked = PTHREAD_ONCE_INIT;

    (void)pthread_once(&looked, look);
    if (mixed)
        return DANCE_BINDING_MIXED;
    return within(&libcrypto, (uintptr_t)of_core) ? DANCE_BINDING_GOOD : DANCE_BINDING_OTHER;
}

bool dance_binding_owns(const SSL_METHOD *method)
{
    return within(&libssl, (uintptr_t)method);
}

void (*dance_binding_optional(const char *name))(void)
{
    uintptr_t function = (uintptr_t)dlsym(RTLD_DEFAULT, name);

    return within(&libssl, function) || within(&libcrypto, function) ? (void (*)(void))function
                                                                     : NULL;
}
