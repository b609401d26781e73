#include "python_code.h"

#include <string.h>

#include "bits.h"
#include "depot.h"
#include "os.h"

enum { TEXT_MAX = 1024, PIECE = 256, LINES_SMALL = 1024, TYPE_NAME_MAX = 16 };

/* What the depot keeps of a code object. */
typedef struct kept_code {
    uint32_t file, function, lines, first_line;
} kept_code_t;

/* How objects are read. */
typedef struct objects {
    const hak_python_layout_t *layout;
    bool careful;
} objects_t;

HAK_RAW_READS static void copy_object(unsigned char *to, uintptr_t from, size_t size) {
    for (size_t i = 0; i < size; i++) to[i] = ((const volatile unsigned char *)from)[i];
}

static bool read_object(const objects_t *in, uintptr_t from, void *to, size_t size) {
    if (in->careful) return hak_os_peek(from, to, size);
    copy_object(to, from, size);
    return true;
}
static bool read_object_word(const objects_t *in, uintptr_t at, uintptr_t *value) { return read_object(in, at, value, sizeof *value); }

/* The object's type is called that. */
static bool is_a(const objects_t *in, uintptr_t object, const char *type_name) {
    uintptr_t type, name;
    char text[TYPE_NAME_MAX] = {0};
    size_t size = strlen(type_name) + 1;
    return read_object_word(in, object + in->layout->object.type, &type) &&
           read_object_word(in, type + in->layout->object.type_name, &name) &&
           read_object(in, name, text, size) && memcmp(text, type_name, size) == 0;
}

/* Appends a code point; what is none becomes U+FFFD. */
static size_t put_utf8(char *to, uint32_t point) {
    if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) point = 0xfffd;
    size_t size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = size - 1; i > 0; i--, point >>= 6) to[i] = (char)(0x80 | (point & 0x3f));
    to[0] = (char)(first[size] | point);
    return size;
}

/* The text of `length` characters of `width` bytes at `data`, cut off at TEXT_MAX; 0 if it cannot be read. */
static uint32_t keep_characters(const objects_t *in, uintptr_t data, size_t length, size_t width) {
    char text[TEXT_MAX + 4];
    unsigned char piece[PIECE];
    size_t size = 0;
    for (size_t done = 0; done < length && size < TEXT_MAX;) {
        size_t count = hak_min(length - done, PIECE / width);
        if (!read_object(in, data + done * width, piece, count * width)) return 0;
        for (size_t i = 0; i < count && size < TEXT_MAX; i++) {
            uint32_t point = 0;
            memcpy(&point, piece + i * width, width);
            size += put_utf8(text + size, point);
        }
        done += count;
    }
    text[size] = '\0';
    return hak_depot_keep(HAK_DEPOT_TEXT, text, size + 1, NULL);
}

/* Compact strings alone: all that the interpreter makes. */
static uint32_t keep_text(const objects_t *in, uintptr_t text) {
    const hak_python_layout_t *layout = in->layout;
    uint64_t length;
    uint32_t state;
    if (!is_a(in, text, "str") || !read_object(in, text + layout->text.length, &length, sizeof length) ||
        !read_object(in, text + layout->text.state, &state, sizeof state)) {
        return 0;
    }
    state >>= layout->text.kind_bit;
    uint32_t kind = state & 7;
    bool compact = (state & 8) != 0, ascii = (state & 16) != 0;
    if (!compact || (kind != 1 && kind != 2 && kind != 4) || (ascii && kind != 1)) return 0;
    return keep_characters(in, text + (ascii ? layout->text.ascii_data : layout->text.other_data), length, kind);
}

typedef struct lines_reader {
    const unsigned char *at, *end;
} lines_reader_t;

/* Six bits a byte, lowest first; bit 6: there is more. */
static uint32_t lines_varint(lines_reader_t *in) {
    uint32_t value = 0, byte = 0x40;
    for (unsigned shift = 0; (byte & 0x40) != 0 && in->at < in->end; shift += 6) {
        byte = *in->at++;
        if (shift < 32) value |= (byte & 0x3f) << shift;
    }
    return value;
}
static int32_t lines_svarint(lines_reader_t *in) {
    uint32_t value = lines_varint(in);
    return (value & 1) != 0 ? -(int32_t)(value >> 1) : (int32_t)(value >> 1);
}

enum { KIND_NONE = 15, KIND_LONG = 14, KIND_NO_COLUMNS = 13, KIND_ONE_LINE = 10 };

typedef struct lines_entry {
    unsigned kind;
    uint32_t units;
    int32_t step; /* of the line, from that of the entry before */
} lines_entry_t;

static bool next_lines(lines_reader_t *in, lines_entry_t *entry) {
    if (in->at == in->end || (*in->at & 0x80) == 0) return false;
    unsigned first = *in->at++;
    *entry = (lines_entry_t){first >> 3 & 15, (first & 7) + 1, 0};
    if (entry->kind == KIND_LONG || entry->kind == KIND_NO_COLUMNS) entry->step = lines_svarint(in);
    else if (entry->kind >= KIND_ONE_LINE && entry->kind < KIND_NO_COLUMNS) entry->step = (int32_t)entry->kind - KIND_ONE_LINE;
    /* What follows are columns; only the first byte of an entry has the highest bit. */
    while (in->at < in->end && (*in->at & 0x80) == 0) in->at++;
    return true;
}

uint64_t hak_python_lines_cover(const unsigned char *table, size_t size) {
    lines_reader_t in = {table, table + size};
    lines_entry_t entry;
    uint64_t units = 0;
    while (next_lines(&in, &entry)) units += entry.units;
    return in.at == in.end ? units : UINT64_MAX;
}

/* `room` holds `size` bytes. */
static uint32_t keep_lines_in(const objects_t *in, unsigned char *room, uintptr_t bytes, size_t size, uint64_t units,
                              const char **why_not) {
    if (!read_object(in, bytes, room, size)) return 0;
    if (hak_python_lines_cover(room, size) == units) return hak_depot_keep(HAK_DEPOT_LINES, room, size, NULL);
    *why_not = "unsupported: a table of lines does not fit its code";
    return 0;
}

/* Keeps the table of lines; it covers the bytecode, which is as good a proof as any that the offsets are right. */
static uint32_t keep_lines(const objects_t *in, uintptr_t object, uint64_t units, const char **why_not) {
    uint64_t size;
    if (!is_a(in, object, "bytes") || !read_object(in, object + in->layout->object.size, &size, sizeof size)) {
        *why_not = "unsupported: a table of lines is not of bytes";
        return 0;
    }
    unsigned char small[LINES_SMALL];
    if (size <= sizeof small) return keep_lines_in(in, small, object + in->layout->bytes_data, size, units, why_not);
    size_t mapped = hak_round_up(size, hak_os_page_size());
    unsigned char *large = size <= HAK_DEPOT_ITEM_MAX ? hak_os_map(NULL, mapped) : NULL;
    if (large == NULL) return 0;
    uint32_t number = keep_lines_in(in, large, object + in->layout->bytes_data, size, units, why_not);
    hak_os_release(large, mapped);
    return number;
}

uint32_t hak_python_code_keep(const hak_python_layout_t *layout, uintptr_t code, bool careful, const char **why_not) {
    const objects_t in = {layout, careful};
    uintptr_t file, function, lines, units;
    int32_t first_line;
    const char *wrong = NULL;
    if (!is_a(&in, code, "code")) return 0;
    if (!read_object_word(&in, code + layout->code.filename, &file) || !read_object_word(&in, code + layout->code.qualname, &function) ||
        !read_object_word(&in, code + layout->code.linetable, &lines) || !read_object_word(&in, code + layout->object.size, &units) ||
        !read_object(&in, code + layout->code.firstlineno, &first_line, sizeof first_line)) {
        wrong = "unsupported: a code object cannot be read";
    }
    kept_code_t kept = {0};
    if (wrong == NULL) {
        kept = (kept_code_t){keep_text(&in, file), keep_text(&in, function), 0, (uint32_t)first_line};
        if (kept.file == 0 || kept.function == 0) wrong = "unsupported: a code object's name or file is no text";
        else kept.lines = keep_lines(&in, lines, units, &wrong);
    }
    if (why_not != NULL) *why_not = wrong;
    uint32_t number = wrong == NULL ? hak_depot_keep(HAK_DEPOT_CODE, &kept, sizeof kept, NULL) : 0;
    return number != 0 ? number : HAK_PYTHON_CODE_UNKNOWN;
}

static const char *kept_text(uint32_t number) {
    size_t size;
    const char *text = hak_depot_get(HAK_DEPOT_TEXT, number, &size);
    return text != NULL ? text : "?";
}

static const kept_code_t *kept_code(uint32_t number) {
    size_t size;
    return hak_depot_get(HAK_DEPOT_CODE, number, &size);
}

const char *hak_python_code_file(uint32_t number) {
    const kept_code_t *code = kept_code(number);
    return code != NULL ? kept_text(code->file) : "?";
}

const char *hak_python_code_function(uint32_t number) {
    const kept_code_t *code = kept_code(number);
    return code != NULL ? kept_text(code->function) : "?";
}

uint32_t hak_python_code_line(uint32_t number, uint32_t offset) {
    const kept_code_t *code = kept_code(number);
    size_t size;
    const unsigned char *table = code != NULL ? hak_depot_get(HAK_DEPOT_LINES, code->lines, &size) : NULL;
    if (table == NULL) return code != NULL ? code->first_line : 0;
    lines_reader_t in = {table, table + size};
    lines_entry_t entry;
    uint64_t end = 0;
    uint32_t line = code->first_line;
    while (next_lines(&in, &entry)) {
        line += (uint32_t)entry.step;
        end += entry.units;
        if (offset < end) return entry.kind == KIND_NONE ? 0 : line;
    }
    return 0;
}
