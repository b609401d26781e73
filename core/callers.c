#include "callers.h"

#include <unistd.h>

#include "bits.h"
#include "loaded.h"
#include "os.h"

enum {
    WORDS_MAX = 768,     /* of the stack are looked at */
    WORDS_A_PIECE = 256, /* of them at once: a part of a page */
    BEFORE = 8,          /* bytes before a return address that may hold the call */
};

/* Of the linker: the allocator's own code. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char etext[] __attribute__((visibility("hidden")));

static bool is_own(uintptr_t pc) { return pc >= (uintptr_t)__ehdr_start && pc < (uintptr_t)etext; }

/* Intel SDM, CALL: E8 and four bytes, or FF /2 with its address in registers or memory. Arm ARM: BL, BLR. */
static bool follows_call(const unsigned char code[BEFORE]) {
    if (HAK_ARM64) {
        uint32_t word = (uint32_t)code[4] | (uint32_t)code[5] << 8 | (uint32_t)code[6] << 16 | (uint32_t)code[7] << 24;
        return (word & 0xFC000000u) == 0x94000000u || (word & 0xFFFFFC1Fu) == 0xD63F0000u;
    }
    if (code[3] == 0xE8) return true;
    for (int length = 2; length <= 7; length++) {
        const unsigned char *at = code + BEFORE - length;
        if (at[0] == 0xFF && (at[1] & 0x38) == 0x10) {
            unsigned mode = at[1] >> 6, base = at[1] & 7;
            int size = 2 + (mode != 3 && base == 4) + (mode == 1 ? 1 : mode == 2 || (mode == 0 && base == 5) ? 4 : 0);
            if (size == length) return true;
        }
    }
    return false;
}

/* Code of this process, by its address: a word of the stack that may be a return address. */
static bool points_to_code(uintptr_t word) {
    if (word < 65536 || word >> 47 != 0 || is_own(word)) return false;
    hak_loaded_t object;
    return hak_loaded_find == NULL || hak_loaded_find((void *)word, &object) == 0;
}

static void add_callers(hak_callers_t *callers, const uintptr_t *places, size_t count) {
    unsigned char code[HAK_PEEKS_MAX][BEFORE];
    for (size_t done = 0; done < count; done++) {
        size_t readable = hak_os_peek_each(places + done, count - done, BEFORE, code);
        for (size_t i = 0; i < readable && callers->count < HAK_CALLERS_MAX; i++, done++) {
            if (follows_call(code[i])) callers->pcs[callers->count++] = places[done] + BEFORE;
        }
        if (callers->count == HAK_CALLERS_MAX) return;
    }
}

/* By pieces that end where a page may end, since the stack does. */
void hak_callers_find(hak_where_t from, hak_callers_t *callers) {
    uintptr_t words[WORDS_A_PIECE], at = hak_round_up((uintptr_t)from.frame, sizeof *words), end = at + WORDS_MAX * sizeof *words;
    callers->count = 0;
    callers->thread = hak_os_thread();
    if (from.pc != 0 && !is_own(from.pc)) callers->pcs[callers->count++] = from.pc;
    while (at < end && callers->count < HAK_CALLERS_MAX) {
        uintptr_t next = hak_round_down(at, sizeof words) + sizeof words, places[HAK_PEEKS_MAX];
        if (!hak_os_peek(at, words, next - at)) return; /* the end of the stack */
        size_t found = 0;
        for (size_t i = 0; i < (next - at) / sizeof *words; i++) {
            if (points_to_code(words[i])) places[found++] = words[i] - BEFORE;
            if (found == HAK_PEEKS_MAX) {
                add_callers(callers, places, found);
                found = 0;
            }
        }
        add_callers(callers, places, found);
        at = next;
    }
}

static const char *name_of(const char *path) {
    const char *name = path;
    for (; *path != '\0'; path++) name = *path == '/' ? path + 1 : name;
    return *name != '\0' ? name : "program";
}

void hak_callers_tell(const char *title, const hak_callers_t *callers) {
    hak_line_t line = {.length = 0};
    hak_line_text(&line, "hakmem:   ");
    hak_line_text(&line, title);
    hak_line_text(&line, " by thread ");
    hak_line_number(&line, callers->thread);
    hak_line_text(&line, ":");
    for (uint32_t i = 0; i < callers->count; i++) {
        hak_loaded_t object;
        bool known = hak_loaded_find != NULL && hak_loaded_find((void *)callers->pcs[i], &object) == 0;
        hak_line_text(&line, " ");
        if (known) hak_line_text(&line, name_of(object.map->l_name));
        if (known) hak_line_text(&line, "+");
        hak_line_pointer(&line, (const void *)(callers->pcs[i] - (known ? object.map->l_addr : 0)));
    }
    hak_line_write(&line, STDERR_FILENO);
}
