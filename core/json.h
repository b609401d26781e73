/* json.h -- builds one line of JSON in memory that was mapped beforehand.
 * May use: base, bits.
 * What does not fit is left out, and the line is marked as cut; the writer of such a line must not send it. */
#ifndef HAK_JSON_H
#define HAK_JSON_H

#include "base.h"

typedef struct hak_json {
    char *text;
    size_t size, length;
    bool cut;
    bool comma; /* the next element of the innermost list or object needs one */
} hak_json_t;

/* Elements. `key` NULL: an element of a list. Strings: bytes that are no UTF-8 become the character of that number. */
void hak_json_string(hak_json_t *json, const char *key, const char *text);
void hak_json_number(hak_json_t *json, const char *key, int64_t number);
/* A string such as "0x7f12". */
void hak_json_hex(hak_json_t *json, const char *key, uint64_t number);
/* A string of two digits a byte. */
void hak_json_bytes(hak_json_t *json, const char *key, const unsigned char *bytes, size_t count);
void hak_json_null(hak_json_t *json, const char *key);
/* '{', '[', and their ends. */
void hak_json_open(hak_json_t *json, const char *key, char bracket);
void hak_json_close(hak_json_t *json, char bracket);
void hak_json_end_line(hak_json_t *json);

#endif
