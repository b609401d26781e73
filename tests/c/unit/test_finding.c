/* test_finding.c -- each kind of error becomes a sentence in which every place is filled. */
#include "finding.h"

#include "../check.h"

static hak_record_t record = {.block = 0x1000, .size = 100, .door = HAK_DOOR_new_array};

static void each_error_has_a_sentence_without_a_place_left(void) {
    for (hak_error_t error = 0; error < HAK_ERROR_COUNT; error++) {
        char text[512];
        hak_finding_t finding = {.error = error, .door = HAK_DOOR_free, .record = &record, .pointer = (const void *)0x1000};
        hak_finding_say(&finding, text, sizeof text);
        CHECK(strlen(text) > 10 && strchr(text, '{') == NULL && strchr(text, '}') == NULL);
        finding.record = NULL;
        hak_finding_say(&finding, text, sizeof text);
    }
}

static void distances_count_from_the_end_that_was_passed(void) {
    char text[512];
    hak_finding_t finding = {.error = HAK_ERROR_overrun, .record = &record, .offset = 107, .length = 2};
    hak_finding_say(&finding, text, sizeof text);
    CHECK(strstr(text, "2 bytes were written to 7 bytes after the end of a block of 100 bytes") != NULL);
    finding = (hak_finding_t){.error = HAK_ERROR_underrun, .record = &record, .offset = -8, .length = 8};
    hak_finding_say(&finding, text, sizeof text);
    CHECK(strstr(text, "8 bytes were written to 8 bytes before the start") != NULL);
    finding = (hak_finding_t){.error = HAK_ERROR_kind_mismatch, .door = HAK_DOOR_delete, .record = &record};
    hak_finding_say(&finding, text, sizeof text);
    CHECK(strstr(text, "operator delete got") != NULL && strstr(text, "allocated by operator new[]") != NULL);
}

static void a_short_text_is_cut_and_ends(void) {
    char text[12];
    memset(text, 'z', sizeof text);
    hak_finding_t finding = {.error = HAK_ERROR_double_free, .record = &record};
    hak_finding_say(&finding, text, 8);
    CHECK(text[7] == '\0' && text[8] == 'z');
}

CHECK_MAIN(CASE(each_error_has_a_sentence_without_a_place_left), CASE(distances_count_from_the_end_that_was_passed),
           CASE(a_short_text_is_cut_and_ends))
