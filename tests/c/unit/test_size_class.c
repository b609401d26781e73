/* size_class.h: every size that has a class, and every offset of every class's slab. */
#include "../check.h"
#include "size_class.h"

static void classes_grow_and_are_multiples_of_16(void) {
    CHECK_EQUAL(hak_classes[0].size, 0);
    for (unsigned c = 1; c < HAK_CLASS_COUNT; c++) {
        CHECK(hak_classes[c].size > hak_classes[c - 1].size);
        CHECK_EQUAL(hak_classes[c].size % HAK_BLOCK_ALIGN, 0);
    }
    for (unsigned c = 1; c <= HAK_TINY_CLASSES; c++) CHECK_EQUAL(hak_classes[c].size, 16 * c);
    CHECK_EQUAL(hak_classes[HAK_TINY_CLASSES].size, HAK_TINY_MAX);
    CHECK_EQUAL(hak_classes[HAK_CLASS_COUNT - 1].size, HAK_WIDE_MAX);
}

static void every_size_gets_the_smallest_class_that_holds_it(void) {
    unsigned smallest = 1;
    for (size_t size = 0; size <= HAK_WIDE_MAX; size++) {
        while (hak_classes[smallest].size < size) smallest++;
        CHECK_EQUAL(hak_class_of(size), smallest);
    }
}

static void tiny_and_mid_arithmetic_agree_with_the_table(void) {
    for (size_t size = 1; size <= HAK_TINY_MAX; size++) CHECK_EQUAL(hak_class_of_tiny(size), hak_class_of(size));
    for (size_t size = HAK_TINY_MAX + 1; size <= HAK_MID_MAX; size++) {
        CHECK_EQUAL(hak_class_of_mid(size), hak_class_of(size));
    }
}

static void a_class_wastes_at_most_a_fifth_of_a_block_above_the_tiny_ones(void) {
    for (size_t size = HAK_TINY_MAX + 1; size <= HAK_MID_MAX; size++) {
        size_t block = hak_classes[hak_class_of(size)].size;
        CHECK_MOST((block - size) * 5, block);
    }
}

static void slabs_hold_what_their_class_says(void) {
    for (unsigned c = 1; c < HAK_CLASS_COUNT; c++) {
        size_t bytes = hak_classes[c].units * HAK_UNIT_SIZE;
        CHECK(hak_classes[c].units >= 1 && hak_classes[c].units <= HAK_SLAB_UNITS_MAX);
        CHECK_EQUAL(hak_classes[c].capacity, bytes / hak_classes[c].size);
        CHECK(c >= HAK_WIDE_FIRST ? hak_classes[c].capacity == 1 : hak_classes[c].capacity >= 4);
        CHECK_EQUAL(c >= HAK_WIDE_FIRST, hak_classes[c].size > HAK_MID_MAX);
        CHECK_EQUAL(hak_class_is_long(c), hak_classes[c].size > HAK_UNIT_SIZE / 2);
        CHECK(hak_classes[c].batches >= 1 && hak_classes[c].batches <= HAK_TRANSFER_DEPTH);
        CHECK(hak_classes[c].capacity <= UINT16_MAX);
    }
}

static void the_block_of_every_offset_is_found_without_a_division(void) {
    for (unsigned c = 1; c < HAK_CLASS_COUNT; c++) {
        size_t size = hak_classes[c].size, index = 0, within = 0;
        for (size_t offset = 0; offset < hak_classes[c].units * HAK_UNIT_SIZE; offset++) {
            CHECK_EQUAL(hak_class_block_index(c, offset), index);
            if (++within == size) {
                within = 0;
                index++;
            }
        }
    }
}

CHECK_MAIN(CASE(classes_grow_and_are_multiples_of_16), CASE(every_size_gets_the_smallest_class_that_holds_it),
           CASE(tiny_and_mid_arithmetic_agree_with_the_table),
           CASE(a_class_wastes_at_most_a_fifth_of_a_block_above_the_tiny_ones), CASE(slabs_hold_what_their_class_says),
           CASE(the_block_of_every_offset_is_found_without_a_division))
