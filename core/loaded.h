/* loaded.h -- the loaded object (program, library) in which an address lies, as the C library tells it.
 * May use: base.
 * glibc 2.35 and newer: no lock, safe in a signal handler. Elsewhere the function's address is NULL. */
#ifndef HAK_LOADED_H
#define HAK_LOADED_H

#include <link.h>

#include "base.h"

/* glibc's <dlfcn.h>, struct dl_find_object. */
typedef struct hak_loaded {
    unsigned long long flags;
    void *start, *end;
    const struct link_map *map;
    void *unwind_header;
    unsigned long long reserved[7];
} hak_loaded_t;

/* 0 if it was found. */
extern int hak_loaded_find(void *pc, hak_loaded_t *loaded) __asm__("_dl_find_object") __attribute__((weak));

#endif
