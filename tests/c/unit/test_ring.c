/* test_ring.c -- the last calls of a thread, newest first. */
#include "ring.h"

#include "../check.h"

static void keeps_the_last_calls_and_forgets_the_others(void) {
    static hak_ring_t ring;
    CHECK(hak_ring_at(&ring, 0) == NULL);
    for (uintptr_t i = 1; i <= 3 * HAK_RING_EVENTS; i++) {
        hak_ring_add(&ring, HAK_DOOR_free, (const void *)i, i * 2, (uint32_t)i);
        uintptr_t kept = i < HAK_RING_EVENTS ? i : HAK_RING_EVENTS;
        for (uint32_t back = 0; back < kept; back++) {
            CHECK_EQUAL((uintptr_t)hak_ring_at(&ring, back)->block, i - back);
            CHECK_EQUAL(hak_ring_at(&ring, back)->size, 2 * (i - back));
        }
        CHECK(hak_ring_at(&ring, (uint32_t)kept) == NULL);
    }
}

static void doors_know_their_names_and_families(void) {
    CHECK(strcmp(hak_door_name(HAK_DOOR_delete_array), "operator delete[]") == 0);
    CHECK(strcmp(hak_door_name(12345), hak_door_name(HAK_DOOR_none)) == 0);
    CHECK_EQUAL(hak_door_family(HAK_DOOR_calloc), hak_door_family(HAK_DOOR_free));
    CHECK_EQUAL(hak_door_family(HAK_DOOR_new), hak_door_family(HAK_DOOR_delete));
    CHECK(hak_door_family(HAK_DOOR_new) != hak_door_family(HAK_DOOR_delete_array));
}

CHECK_MAIN(CASE(keeps_the_last_calls_and_forgets_the_others), CASE(doors_know_their_names_and_families))
