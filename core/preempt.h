/* preempt.h -- the places where losing the processor does a thread's neighbours most harm.
 * May use: base.
 * A test is built with HAK_PREEMPT=1 and defines hak_preempt_here, which sleeps or yields there now and then
 * (tests/c/stress/preemption.c). In every other build nothing is left of a place. */
#ifndef HAK_PREEMPT_H
#define HAK_PREEMPT_H

#include "base.h"

typedef enum {
    HAK_AT_LOCKED,    /* a lock has just been taken */
    HAK_AT_UNLOCKING, /* it is about to be given up */
    HAK_AT_READ,      /* what was read decides a swap or a lock that is still to come */
    HAK_AT_SWAPPED,   /* a swap has been made known, and what follows from it has not been done yet */
    HAK_AT_PLACES,
} hak_place_t;

void hak_preempt_here(hak_place_t place);

static inline void hak_preempt(hak_place_t place) {
    if (HAK_PREEMPT) hak_preempt_here(place);
}

#endif
