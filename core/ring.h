/* ring.h -- a thread's last calls of the allocator.
 * May use: base, doors.
 * One writer. Others read it at a glance: an entry may be half of one call and half of a later one. */
#ifndef HAK_RING_H
#define HAK_RING_H

#include "doors.h"

enum { HAK_RING_EVENTS = 64 };

typedef struct hak_event {
    const void *block;
    uint64_t size;
    uint32_t stack;
    uint32_t door; /* hak_door_t */
} hak_event_t;

typedef struct hak_ring {
    uint32_t count; /* ever written */
    hak_event_t events[HAK_RING_EVENTS];
} hak_ring_t;

static inline void hak_ring_add(hak_ring_t *ring, hak_door_t door, const void *block, uint64_t size, uint32_t stack) {
    ring->events[ring->count++ % HAK_RING_EVENTS] = (hak_event_t){block, size, stack, door};
}

/* The call `back` calls ago; NULL if there were fewer, or it was overwritten. */
static inline const hak_event_t *hak_ring_at(const hak_ring_t *ring, uint32_t back) {
    if (back >= HAK_RING_EVENTS || back >= ring->count) return NULL;
    return &ring->events[(ring->count - 1 - back) % HAK_RING_EVENTS];
}

#endif
