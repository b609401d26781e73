/* test_json.c -- lines of JSON: escapes, numbers, nesting, and what does not fit. */
#include "json.h"

#include "../check.h"

static char memory[4096];

static hak_json_t made(size_t size) { return (hak_json_t){.text = memory, .size = size}; }

static void check_text(const hak_json_t *json, const char *expected) {
    CHECK_EQUAL(json->length, strlen(expected));
    CHECK(memcmp(json->text, expected, json->length) == 0 && !json->cut);
}

static void elements_are_set_apart_by_commas(void) {
    hak_json_t json = made(sizeof memory);
    hak_json_open(&json, NULL, '{');
    hak_json_number(&json, "a", -5);
    hak_json_number(&json, "least", INT64_MIN);
    hak_json_open(&json, "list", '[');
    hak_json_hex(&json, NULL, 0x7f12);
    hak_json_null(&json, NULL);
    hak_json_close(&json, ']');
    hak_json_open(&json, "empty", '{');
    hak_json_close(&json, '}');
    hak_json_bytes(&json, "hex", (const unsigned char *)"\x01\xfe", 2);
    hak_json_close(&json, '}');
    hak_json_end_line(&json);
    check_text(&json, "{\"a\":-5,\"least\":-9223372036854775808,\"list\":[\"0x7f12\",null],\"empty\":{},\"hex\":\"01fe\"}\n");
}

static void strings_are_escaped_and_what_is_no_utf8_is_told_by_number(void) {
    hak_json_t json = made(sizeof memory);
    hak_json_string(&json, NULL, "\"\\\n\x7f");
    hak_json_string(&json, NULL, "\xc3\xa9\xf0\x9f\x90\x8d");             /* two and four bytes */
    hak_json_string(&json, NULL, "\xff\xc0\xaf\xed\xa0\x80\xe2\x82");     /* none, overlong, surrogate, cut off */
    check_text(&json, "\"\\\"\\\\\\u000a\\u007f\",\"\xc3\xa9\xf0\x9f\x90\x8d\","
                      "\"\\u00ff\\u00c0\\u00af\\u00ed\\u00a0\\u0080\\u00e2\\u0082\"");
}

static void long_strings_are_shortened(void) {
    static char text[3000];
    memset(text, 'x', sizeof text - 1);
    hak_json_t json = made(sizeof memory);
    hak_json_string(&json, NULL, text);
    CHECK_EQUAL(json.length, 1024 + 2);
}

static void a_line_that_does_not_fit_says_so_and_stays_within_its_memory(void) {
    memset(memory, 'z', sizeof memory);
    hak_json_t json = made(10);
    hak_json_string(&json, "key", "value");
    CHECK(json.cut);
    CHECK_EQUAL(json.length, 10);
    CHECK_EQUAL(memory[10], 'z');
}

CHECK_MAIN(CASE(elements_are_set_apart_by_commas), CASE(strings_are_escaped_and_what_is_no_utf8_is_told_by_number),
           CASE(long_strings_are_shortened), CASE(a_line_that_does_not_fit_says_so_and_stays_within_its_memory))
