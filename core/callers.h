/* callers.h -- by whom a slow path was called, as far as the stack shows it without tables.
 * May use: base, bits, atomic, diag, os, loaded.
 * Looks through the words above the caller's frame for addresses that follow a call instruction. That costs some microseconds and
 * no lock, and works without frame pointers; a frame whose stack memory was used before may show a call that has returned. */
#ifndef HAK_CALLERS_H
#define HAK_CALLERS_H

#include "diag.h"
#include "os.h"

enum { HAK_CALLERS_MAX = 12 };

typedef struct hak_callers {
    uint32_t count;
    uint32_t thread; /* its number, gettid(2) */
    uintptr_t pcs[HAK_CALLERS_MAX]; /* innermost first; return addresses, but for where a signal struck; none of the allocator's */
} hak_callers_t;

/* The calling thread's, from a place in it outwards. */
void hak_callers_find(hak_where_t from, hak_callers_t *callers);
/* "hakmem:   <title> by thread N: FILE+0xOFFSET ..." on stderr; safe in a signal handler. */
void hak_callers_tell(const char *title, const hak_callers_t *callers);

#endif
