#include "finding.h"

#include <string.h>

static uint64_t beyond_block(const hak_finding_t *finding) {
    ptrdiff_t size = finding->record != NULL ? (ptrdiff_t)finding->record->size : 0;
    if (finding->offset < 0) return 0 - (uint64_t)finding->offset;
    bool beyond = finding->error == HAK_ERROR_overrun || finding->error == HAK_ERROR_out_of_bounds_read ||
                  finding->error == HAK_ERROR_out_of_bounds_write;
    return (uint64_t)(beyond && finding->offset >= size ? finding->offset - size : finding->offset);
}

static void put_place(hak_line_t *line, const char *name, size_t length, const hak_finding_t *finding) {
    const hak_record_t *record = finding->record;
    const char *const names[] = {"call", "pointer", "block", "size", "given", "offset", "length", "kind"};
    size_t which = 0;
    while (which < sizeof names / sizeof *names && (strlen(names[which]) != length || strncmp(names[which], name, length) != 0)) which++;
    switch (which) {
    case 0: hak_line_text(line, hak_door_name(finding->door)); break;
    case 1: hak_line_pointer(line, finding->pointer); break;
    case 2: hak_line_pointer(line, record != NULL ? (const void *)record->block : NULL); break;
    case 3: hak_line_number(line, record != NULL ? record->size : 0); break;
    case 4: hak_line_number(line, finding->given); break;
    case 5: hak_line_number(line, beyond_block(finding)); break;
    case 6: hak_line_number(line, finding->length); break;
    case 7: hak_line_text(line, hak_door_name(record != NULL ? record->door : HAK_DOOR_none)); break;
    default: break;
    }
}

void hak_finding_say(const hak_finding_t *finding, char *text, size_t size) {
    hak_line_t line = {.length = 0};
    for (const char *at = hak_error_sentence(finding->error); *at != '\0'; at++) {
        const char *end = *at == '{' ? strchr(at, '}') : NULL;
        char one[2] = {*at, '\0'};
        if (end == NULL) {
            hak_line_text(&line, one);
            continue;
        }
        put_place(&line, at + 1, (size_t)(end - at - 1), finding);
        at = end;
    }
    size_t length = line.length < size ? line.length : size - 1;
    memcpy(text, line.text, length);
    text[length] = '\0';
}
