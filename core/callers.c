#include "callers.h"

#include <unistd.h>

#include "bits.h"
#include "os.h"

enum {
    WORDS_MAX = 768,  /* of the stack are looked at */
    BEFORE = 8,       /* bytes before a return address that may hold the call */
};

/* Of the linker: the allocator's own code. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char etext[] __attribute__((visibility("hidden")));

/* Of glibc 2.35 and newer; takes no lock. The head of struct dl_find_object, and of struct link_map. */
typedef struct found_map {
    uintptr_t bias;
    const char *path;
} found_map_t;
typedef struct found_object {
    unsigned long long flags;
    void *start, *end;
    const found_map_t *map;
    void *more[9];
} found_object_t;
extern int find_object(void *pc, found_object_t *object) __asm__("_dl_find_object") __attribute__((weak));

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

void hak_callers_find(hak_where_t from, hak_callers_t *callers) {
    uintptr_t words[64];
    callers->count = 0;
    callers->thread = hak_os_thread();
    if (from.pc != 0 && !is_own(from.pc)) callers->pcs[callers->count++] = from.pc;
    uintptr_t at = hak_round_up((uintptr_t)from.frame, sizeof *words);
    for (size_t done = 0; done < WORDS_MAX; done += 64, at += sizeof words) {
        if (!hak_os_peek(at, words, sizeof words)) return; /* the end of the stack */
        for (size_t i = 0; i < 64; i++) {
            unsigned char code[BEFORE];
            if (words[i] < 65536 || words[i] >> 47 != 0 || is_own(words[i])) continue;
            found_object_t object;
            if (find_object != NULL && find_object((void *)words[i], &object) != 0) continue;
            if (!hak_os_peek(words[i] - BEFORE, code, sizeof code) || !follows_call(code)) continue;
            callers->pcs[callers->count++] = words[i];
            if (callers->count == HAK_CALLERS_MAX) return;
        }
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
        found_object_t object;
        bool known = find_object != NULL && find_object((void *)callers->pcs[i], &object) == 0;
        hak_line_text(&line, " ");
        if (known) hak_line_text(&line, name_of(object.map->path));
        if (known) hak_line_text(&line, "+");
        hak_line_pointer(&line, (const void *)(callers->pcs[i] - (known ? object.map->bias : 0)));
    }
    hak_line_write(&line, STDERR_FILENO);
}
