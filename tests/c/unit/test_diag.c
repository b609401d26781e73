/* diag.h: one line on stderr, whatever is put into it, and the end of the process. */
#include "../check.h"
#include "diag.h"

static void send_numbers(void *argument) {
    (void)argument;
    hak_line_t line = {.length = 0};
    hak_line_number(&line, 0);
    hak_line_text(&line, " ");
    hak_line_number(&line, UINT64_MAX);
    hak_line_text(&line, " ");
    hak_line_pointer(&line, NULL);
    hak_line_text(&line, " ");
    hak_line_pointer(&line, (const void *)0xfedcba9876543210u);
    hak_line_write(&line, STDERR_FILENO);
    CHECK_EQUAL(line.length, 0);
}

static void numbers_and_pointers_are_written_in_full(void) {
    check_end_t end = check_child(send_numbers, NULL);
    CHECK_EQUAL(end.status, 0);
    CHECK(strcmp(end.text, "0 18446744073709551615 0x0 0xfedcba9876543210\n") == 0);
}

static void send_too_much(void *argument) {
    (void)argument;
    hak_line_t line = {.length = 0};
    for (int i = 0; i < 1000; i++) {
        hak_line_text(&line, "0123456789");
        hak_line_number(&line, 12345);
    }
    hak_line_write(&line, STDERR_FILENO);
}

static void what_is_too_long_is_cut_off_and_still_a_line(void) {
    check_end_t end = check_child(send_too_much, NULL);
    CHECK_EQUAL(end.status, 0);
    CHECK_EQUAL(end.length, sizeof(((hak_line_t *)NULL)->text));
    CHECK(strchr(end.text, '\n') == end.text + end.length - 1);
}

static void warn(void *argument) {
    hak_warn("something is odd in", argument);
}

static void a_warning_names_its_subject_and_goes_on(void) {
    check_end_t end = check_child(warn, "NAME");
    CHECK_EQUAL(end.status, 0);
    CHECK(strcmp(end.text, "hakmem: something is odd in NAME\n") == 0);
    end = check_child(warn, NULL);
    CHECK(end.status == 0 && strcmp(end.text, "hakmem: something is odd in\n") == 0);
}

static void die(void *argument) { hak_fatal(*(hak_error_t *)argument, (const void *)0x1234, "free"); }

static void each_error_names_itself_and_the_pointer_and_aborts(void) {
#define NAME(id, text, sentence) #id,
    static const char *const names[] = {HAK_ERRORS(NAME)};
#undef NAME
    for (hak_error_t error = 0; error < HAK_ERROR_COUNT; error++) {
        check_end_t end = check_child(die, &error);
        CHECK(check_aborted(&end));
        CHECK(strncmp(end.text, "hakmem: free(0x1234): ", 22) == 0);
        CHECK(strstr(end.text, names[error]) != NULL);
        CHECK(strchr(end.text, '\n') == end.text + end.length - 1);
    }
}

static void assert_falsehood(void *argument) {
    (void)argument;
    volatile int one = 1;
    HAK_ASSERT(one == 1);
    HAK_ASSERT(one == 2);
}

static void an_assertion_ends_the_debug_flavour_alone(void) {
    check_end_t end = check_child(assert_falsehood, NULL);
    if (HAK_DEBUG) CHECK(check_aborted(&end) && strstr(end.text, "one == 2 at ") != NULL);
    else CHECK(end.status == 0 && end.length == 0);
}

CHECK_MAIN(CASE(numbers_and_pointers_are_written_in_full), CASE(what_is_too_long_is_cut_off_and_still_a_line),
           CASE(a_warning_names_its_subject_and_goes_on), CASE(each_error_names_itself_and_the_pointer_and_aborts),
           CASE(an_assertion_ends_the_debug_flavour_alone))
