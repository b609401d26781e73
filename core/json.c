#include "json.h"

#include "bits.h"

enum { STRING_MAX = 1024 }; /* a longer name tells nothing more */

static void add_char(hak_json_t *json, char c) {
    if (json->length < json->size) json->text[json->length++] = c;
    else json->cut = true;
}

static void add_text(hak_json_t *json, const char *text) {
    while (*text != '\0') add_char(json, *text++);
}

static void add_digits(hak_json_t *json, uint64_t number, unsigned base) {
    char digits[HAK_DIGITS];
    add_text(json, hak_digits(digits, number, base));
}

/* Length of the UTF-8 sequence at `text`; 0 if it is none (RFC 3629: no overlong forms, no surrogates). */
static int utf8_sequence(const unsigned char *text) {
    unsigned char first = text[0];
    if (first < 0x80) return 1;
    int length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4) return 0;
    for (int i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80) return 0;
    }
    if (first == 0xe0 && text[1] < 0xa0) return 0;
    if (first == 0xed && text[1] > 0x9f) return 0;
    if (first == 0xf0 && text[1] < 0x90) return 0;
    if (first == 0xf4 && text[1] > 0x8f) return 0;
    return length;
}

static void add_escaped(hak_json_t *json, unsigned char c) {
    add_text(json, "\\u00");
    add_char(json, "0123456789abcdef"[c >> 4]);
    add_char(json, "0123456789abcdef"[c & 15]);
}

static void add_string(hak_json_t *json, const char *text) {
    const unsigned char *at = (const unsigned char *)text;
    add_char(json, '"');
    for (size_t taken = 0; *at != '\0' && taken < STRING_MAX;) {
        int length = utf8_sequence(at);
        if (length == 0 || *at < ' ' || *at == 0x7f) {
            add_escaped(json, *at);
            length = 1;
        } else {
            if (*at == '"' || *at == '\\') add_char(json, '\\');
            for (int i = 0; i < length; i++) add_char(json, (char)at[i]);
        }
        at += length;
        taken += (size_t)length;
    }
    add_char(json, '"');
}

static void begin_element(hak_json_t *json, const char *key) {
    if (json->comma) add_char(json, ',');
    json->comma = true;
    if (key == NULL) return;
    add_string(json, key);
    add_char(json, ':');
}

void hak_json_string(hak_json_t *json, const char *key, const char *text) {
    begin_element(json, key);
    add_string(json, text);
}

void hak_json_number(hak_json_t *json, const char *key, int64_t number) {
    begin_element(json, key);
    if (number < 0) add_char(json, '-');
    add_digits(json, number < 0 ? 0 - (uint64_t)number : (uint64_t)number, 10);
}

void hak_json_hex(hak_json_t *json, const char *key, uint64_t number) {
    begin_element(json, key);
    add_text(json, "\"0x");
    add_digits(json, number, 16);
    add_char(json, '"');
}

void hak_json_bytes(hak_json_t *json, const char *key, const unsigned char *bytes, size_t count) {
    begin_element(json, key);
    add_char(json, '"');
    for (size_t i = 0; i < count; i++) {
        add_char(json, "0123456789abcdef"[bytes[i] >> 4]);
        add_char(json, "0123456789abcdef"[bytes[i] & 15]);
    }
    add_char(json, '"');
}

void hak_json_null(hak_json_t *json, const char *key) {
    begin_element(json, key);
    add_text(json, "null");
}

void hak_json_open(hak_json_t *json, const char *key, char bracket) {
    begin_element(json, key);
    add_char(json, bracket);
    json->comma = false;
}

void hak_json_close(hak_json_t *json, char bracket) {
    add_char(json, bracket);
    json->comma = true;
}

void hak_json_end_line(hak_json_t *json) {
    add_char(json, '\n');
    json->comma = false;
}
