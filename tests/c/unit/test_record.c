/* test_record.c -- a record for each site of the heap: found from any byte of it, distinct, and kept when the block is gone. */
#include "record.h"

#include "../check.h"
#include "alloc.h"

static hak_site_t site_of(void *start) {
    CHECK(start != NULL);
    hak_site_t site = hak_record_of_new(start);
    CHECK(site.record != NULL && site.start == start);
    site.record->block = (uintptr_t)start + 32;
    site.record->size = site.size - 64;
    hak_record_enter(site.record, HAK_PHASE_LIVE);
    return site;
}

static void open_both(void) { CHECK(hak_thread_open() && hak_record_open()); }

static void each_site_has_a_record_of_its_own_that_every_byte_leads_to(void) {
    static const size_t sizes[] = {64, 80, 112, 1008, 1040, 5000, 32768, 100000, 262144, 300000, 4 << 20};
    enum { EACH = 500 };
    static hak_record_t *seen[EACH];
    open_both();
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t count = sizes[i] < 10000 ? EACH : 3;
        for (size_t k = 0; k < count; k++) {
            hak_site_t site = site_of(hak_alloc(sizes[i])), found;
            CHECK(site.size >= sizes[i]);
            for (size_t at = 0; at < site.size; at += site.size / 3 - 1) {
                CHECK(hak_record_find(site.start + at, &found));
                CHECK(found.record == site.record && found.start == site.start && found.size == site.size);
            }
            CHECK(hak_record_find(site.start + site.size - 1, &found) && found.record == site.record);
            seen[k] = site.record;
        }
        for (size_t k = 0; k < count; k++) {
            for (size_t j = 0; j < k; j++) CHECK(seen[j] != seen[k] && (seen[j] + 1 <= seen[k] || seen[k] + 1 <= seen[j]));
        }
    }
}

static void of_two_frees_one_is_the_second(void) {
    open_both();
    hak_site_t site = site_of(hak_alloc(100));
    uint32_t state = hak_load_relaxed(&site.record->state);
    CHECK(hak_record_leave_live(site.record));
    CHECK(!hak_record_leave_live(site.record));
    CHECK(hak_load_relaxed(&site.record->state) != state);
    CHECK_EQUAL(hak_record_phase(site.record), HAK_PHASE_FREEING);
}

static void a_block_that_is_gone_can_still_be_named(void) {
    open_both();
    hak_site_t site = site_of(hak_alloc(5 << 20));
    const void *block = (const void *)site.record->block;
    CHECK(hak_record_of_former(block) == NULL);
    hak_record_enter(site.record, HAK_PHASE_GONE);
    hak_release(site.start);
    CHECK(hak_record_of_former(block) == site.record);
    CHECK(hak_record_of_former((const char *)block + 16) == NULL);
}

static size_t visits;
static void count_visit(const hak_site_t *site, void *context) {
    visits += site->record->block != 0 && hak_record_phase(site->record) == HAK_PHASE_LIVE;
    (void)context;
}

static void a_visit_comes_to_every_record(void) {
    open_both();
    for (size_t i = 0; i < 1000; i++) site_of(hak_alloc(64 + i * 37));
    site_of(hak_alloc(3 << 20));
    hak_record_visit(count_visit, NULL);
    CHECK_EQUAL(visits, 1001);
}

static void neighbours_are_those_beside_it_in_the_slab(void) {
    open_both();
    hak_site_t sites[2] = {site_of(hak_alloc(200)), site_of(hak_alloc(200))}, found;
    hak_site_t *low = sites[0].start < sites[1].start ? &sites[0] : &sites[1];
    CHECK_EQUAL((size_t)(sites[0].start < sites[1].start ? sites[1].start - sites[0].start : sites[0].start - sites[1].start), 208);
    CHECK(hak_record_neighbour(low, 1, &found) && found.start == low->start + low->size);
    CHECK(hak_record_neighbour(&found, -1, &found) && found.record == low->record);
}

CHECK_MAIN(CASE(each_site_has_a_record_of_its_own_that_every_byte_leads_to), CASE(of_two_frees_one_is_the_second),
           CASE(a_block_that_is_gone_can_still_be_named), CASE(a_visit_comes_to_every_record),
           CASE(neighbours_are_those_beside_it_in_the_slab))
