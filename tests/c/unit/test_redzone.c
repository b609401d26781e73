/* test_redzone.c -- patterns of any length and place, and each byte that differs from them. */
#include "redzone.h"

#include "../check.h"

enum { ROOM = 400 };

static void fills_exactly_what_it_should(void) {
    unsigned char memory[ROOM];
    for (size_t from = 0; from < 16; from++) {
        for (size_t size = 0; size < ROOM - 32; size++) {
            memset(memory, 0, sizeof memory);
            hak_redzone_fill(memory + from, size, HAK_BYTE_FENCE);
            for (size_t i = 0; i < ROOM; i++) {
                bool inside = i >= from && i < from + size;
                CHECK_EQUAL(memory[i], inside ? HAK_BYTE_FENCE : 0);
            }
        }
    }
}

static void finds_the_first_and_the_last_byte_that_changed(void) {
    unsigned char memory[ROOM];
    memset(memory, HAK_BYTE_FREED, sizeof memory);
    for (size_t from = 0; from < 9; from++) {
        for (size_t size = 1; size < 100; size++) {
            CHECK_EQUAL(hak_redzone_damage(memory + from, size, HAK_BYTE_FREED).length, 0);
            for (size_t at = 0; at < size; at++) {
                memory[from + at] ^= 1;
                hak_damage_t damage = hak_redzone_damage(memory + from, size, HAK_BYTE_FREED);
                CHECK(damage.first == at && damage.length == 1);
                memory[from + size - 1] = 0;
                damage = hak_redzone_damage(memory + from, size, HAK_BYTE_FREED);
                CHECK(damage.first == at && damage.length == size - at);
                memory[from + at] = memory[from + size - 1] = HAK_BYTE_FREED;
            }
            memory[from + size] = 0; /* just behind */
            CHECK_EQUAL(hak_redzone_damage(memory + from, size, HAK_BYTE_FREED).length, 0);
            memory[from + size] = HAK_BYTE_FREED;
        }
    }
}

CHECK_MAIN(CASE(fills_exactly_what_it_should), CASE(finds_the_first_and_the_last_byte_that_changed))
