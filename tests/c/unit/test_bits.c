/* bits.h: arithmetic on words, against the obvious way to do it. */
#include "../check.h"
#include "bits.h"

static void rounding_goes_to_the_next_multiple(void) {
    for (size_t power = 1; power <= 64; power *= 2) {
        for (size_t value = 0; value < 300; value++) {
            CHECK_EQUAL(hak_round_up(value, power), (value + power - 1) / power * power);
            CHECK_EQUAL(hak_round_down(value, power), value / power * power);
        }
    }
    CHECK_EQUAL(hak_round_down(SIZE_MAX, (size_t)1 << 63), (size_t)1 << 63);
}

static void powers_of_two_are_known(void) {
    CHECK(!hak_is_power_of_two(0));
    for (unsigned bit = 0; bit < 64; bit++) {
        size_t power = (size_t)1 << bit;
        CHECK(hak_is_power_of_two(power));
        CHECK_EQUAL(hak_log2(power), bit);
        CHECK_EQUAL(hak_log2(power | (power - 1)), bit);
        if (bit > 1) CHECK(!hak_is_power_of_two(power - 1) && !hak_is_power_of_two(power + 1));
    }
}

static void a_mask_has_the_bits_of_its_run(void) {
    for (unsigned first = 0; first < 64; first++) {
        for (size_t count = 1; count <= 64 - first; count++) {
            uint64_t mask = 0;
            for (size_t i = 0; i < count; i++) mask |= (uint64_t)1 << (first + i);
            CHECK_EQUAL(hak_mask(first, count), mask);
        }
    }
}

CHECK_MAIN(CASE(rounding_goes_to_the_next_multiple), CASE(powers_of_two_are_known), CASE(a_mask_has_the_bits_of_its_run))
