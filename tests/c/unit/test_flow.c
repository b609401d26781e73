/* flow.h: the sum of threads' flows, in steps, and how far it rose. */
#include "../check.h"
#include "flow.h"

#define MIB ((int64_t)1 << 20)

static void what_one_gives_and_another_takes_is_no_rise(void) {
    int64_t giver = 0, taker = 0;
    for (int64_t i = 1; i <= 100; i++) {
        hak_flow_publish(-i * MIB, &taker);
        hak_flow_publish(i * MIB, &giver);
        CHECK(hak_flow_risen() <= MIB);
    }
    for (int64_t i = 101; i <= 110; i++) hak_flow_publish(i * MIB, &giver);
    CHECK_EQUAL(hak_flow_risen(), 11 * MIB);
}

static void little_is_not_published(void) {
    int64_t published = 0;
    hak_flow_publish(MIB - 1, &published);
    hak_flow_publish(1 - MIB, &published);
    CHECK_EQUAL(published, 0);
    CHECK_EQUAL(hak_flow_risen(), 0);
    hak_flow_publish(MIB, &published);
    CHECK_EQUAL(published, MIB);
    CHECK_EQUAL(hak_flow_risen(), MIB);
}

static void a_rise_is_forgotten_after_two_windows(void) {
    int64_t published = 0;
    hak_flow_publish(-10 * MIB, &published);
    hak_flow_publish(20 * MIB, &published);
    CHECK_EQUAL(hak_flow_risen(), 30 * MIB);
    hak_flow_end_window();
    CHECK_EQUAL(hak_flow_risen(), 30 * MIB);
    hak_flow_publish(25 * MIB, &published);
    hak_flow_end_window();
    CHECK_EQUAL(hak_flow_risen(), 5 * MIB);
    hak_flow_end_window();
    CHECK_EQUAL(hak_flow_risen(), 0);
}

CHECK_MAIN(CASE(what_one_gives_and_another_takes_is_no_rise), CASE(little_is_not_published),
           CASE(a_rise_is_forgotten_after_two_windows))
