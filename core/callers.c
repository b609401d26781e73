#include "callers.h"

#include <unistd.h>

#include "atomic.h"
#include "bits.h"
#include "loaded.h"
#include "os.h"

enum {
    WORDS_MAX = 768,     /* of the stack are looked at */
    WORDS_A_PIECE = 256, /* of them at once, at most */
    LEAST_PAGE = 4096,
    LEAST_STACK = 16384, /* bytes: POSIX PTHREAD_STACK_MIN of Linux */
    BEFORE = 8,          /* bytes before a return address that may hold the call */
    KNOWN = 1024,        /* addresses of code that were looked at */
};

/* Address times two, and one if it follows a call: code that has gone, and come again as other code, is told wrongly. */
static _Atomic uintptr_t known[KNOWN];
/* Where a piece of this thread's stack could not be read, as the last time. Itself it lies beyond the stack: the C library puts
 * a thread's variables above its first frame. */
static _Thread_local uintptr_t unreadable;
extern char *first_frame __asm__("__libc_stack_end") __attribute__((weak)); /* the first thread's */

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

static bool may_be_code(uintptr_t word) { return word >= 65536 && word >> 47 == 0 && !is_own(word); }

static bool is_any_code(uintptr_t word) {
    hak_loaded_t object;
    return hak_loaded_find == NULL || hak_loaded_find((void *)word, &object) == 0;
}

static _Atomic uintptr_t *place_of(uintptr_t word) { return &known[word * 0x9E3779B97F4A7C15u >> 32 & (KNOWN - 1)]; }

static void add_caller(hak_callers_t *callers, uintptr_t pc) {
    if (callers->count < HAK_CALLERS_MAX) callers->pcs[callers->count++] = pc;
}

typedef struct places {
    uintptr_t before[HAK_PEEKS_MAX];
    size_t count;
} places_t;

/* Those of the addresses that follow calls. */
static void read_calls(places_t *places, hak_callers_t *callers) {
    unsigned char code[HAK_PEEKS_MAX][BEFORE];
    for (size_t done = 0; done < places->count; done++) {
        size_t readable = hak_os_peek_each(places->before + done, places->count - done, BEFORE, code);
        for (size_t i = 0; i < readable; i++, done++) {
            uintptr_t word = places->before[done] + BEFORE;
            bool follows = follows_call(code[i]);
            if (follows) add_caller(callers, word);
            hak_store_relaxed(place_of(word), word << 1 | follows);
        }
    }
    places->count = 0;
}

static void add_callers(const uintptr_t *words, size_t count, hak_callers_t *callers) {
    places_t places = {.count = 0};
    for (size_t i = 0; i < count && callers->count < HAK_CALLERS_MAX; i++) {
        if (!may_be_code(words[i])) continue;
        uintptr_t seen = hak_load_relaxed(place_of(words[i]));
        if (seen >> 1 != words[i]) {
            if (is_any_code(words[i])) places.before[places.count++] = words[i] - BEFORE;
            if (places.count == HAK_PEEKS_MAX) read_calls(&places, callers);
        } else if ((seen & 1) != 0) {
            if (places.count != 0) read_calls(&places, callers);
            add_caller(callers, words[i]);
        }
    }
    if (places.count != 0) read_calls(&places, callers);
}

/* Bytes from `at` to the top of the stack that the thread began on, if that is the one; more than there are, if not. */
static uintptr_t own_room(uintptr_t at) {
    uintptr_t room = (uintptr_t)&unreadable - at;
    return &first_frame != NULL ? hak_min(room, (uintptr_t)first_frame - at) : room;
}

HAK_RAW_READS static void copy_words(uintptr_t *to, uintptr_t from, uintptr_t end) {
    for (; from < end; from += sizeof *to) *to++ = *(const volatile uintptr_t *)from;
}

/* By pieces that end where a page may end, since the stack does. The page of a frame that is in use can be read, and all that is
 * as near to the thread's own top as the shortest stack is long: no other stack has room there. */
void hak_callers_find(hak_where_t from, hak_callers_t *callers) {
    uintptr_t words[WORDS_A_PIECE], at = hak_round_up((uintptr_t)from.frame, sizeof *words), room = own_room(at);
    uintptr_t end = hak_round_down(at + hak_min(room, WORDS_MAX * sizeof *words), sizeof *words);
    bool is_near = room <= LEAST_STACK;
    callers->count = 0;
    callers->thread = hak_os_thread();
    if (from.pc != 0 && !is_own(from.pc)) add_caller(callers, from.pc);
    while (at < end && at != unreadable && callers->count < HAK_CALLERS_MAX) {
        uintptr_t page = hak_round_down(at, LEAST_PAGE), next = hak_min(hak_min(at + sizeof words, page + LEAST_PAGE), end);
        bool in_use = from.pc == 0 && hak_round_down((uintptr_t)from.frame, LEAST_PAGE) == page;
        bool readable = is_near || in_use;
        if (readable) copy_words(words, at, next);
        else readable = hak_os_peek(at, words, next - at);
        if (readable) add_callers(words, (next - at) / sizeof *words, callers), at = next;
        else unreadable = at; /* the end of the stack */
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
