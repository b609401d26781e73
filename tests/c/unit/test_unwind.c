/* Unwinding on garbage: tables with wrong bytes, registers and stacks with any contents. */
#include "unwind.h"

#include <stdio.h>

#include "../check.h"
#include "cfi.h"
#include "hash.h"
#include "object.h"

enum { DEPTH = 64 };

static uintptr_t libc_pc(void) { return (uintptr_t)qsort; }

static hak_object_t libc_object(void) {
    hak_object_t object;
    CHECK(hak_object_find(libc_pc(), &object) && object.unwind_header != 0);
    return object;
}

static hak_segment_t segment_of(const hak_object_t *object, uintptr_t address) {
    for (size_t i = 0; i < object->count; i++) {
        if (address >= object->segments[i].start && address < object->segments[i].end) return object->segments[i];
    }
    CHECK(false);
    return (hak_segment_t){0};
}

/* A copy of the C library's tables, as if all of it lay elsewhere. */
typedef struct copy {
    hak_object_t object;
    unsigned char *bytes;
    size_t size, tables; /* bytes, and where in them the tables start */
    uintptr_t distance;
    hak_segment_t code;
} copy_t;

static copy_t copy_tables(void) {
    hak_object_t object = libc_object();
    hak_segment_t tables = segment_of(&object, object.unwind_header);
    copy_t copy = {.size = tables.end - tables.start, .code = segment_of(&object, libc_pc())};
    copy.bytes = malloc(copy.size);
    CHECK(copy.bytes != NULL);
    memcpy(copy.bytes, (const void *)tables.start, copy.size);
    copy.distance = (uintptr_t)copy.bytes - tables.start;
    copy.tables = object.unwind_header - tables.start;
    copy.object.unwind_header = object.unwind_header + copy.distance;
    copy.object.segments[0] = (hak_segment_t){(uintptr_t)copy.bytes, (uintptr_t)copy.bytes + copy.size, 0, true, false};
    copy.object.count = 1;
    return copy;
}

static bool same_rule(hak_rule_t a, hak_rule_t b) {
    return a.cfa_is == b.cfa_is && a.fp_is == b.fp_is && a.cfa == b.cfa && a.fp == b.fp;
}

static uintptr_t any_pc(check_random_t *random, hak_segment_t code) {
    return code.start + check_below(random, code.end - code.start);
}

static void most_of_a_library_has_rules(void) {
    hak_object_t object = libc_object();
    copy_t copy = copy_tables();
    check_random_t random = {check_seed()};
    size_t known = 0, all = check_scaled(20000);
    for (size_t i = 0; i < all; i++) {
        uintptr_t pc = any_pc(&random, copy.code);
        hak_rule_t rule = hak_cfi_rule(&object, pc);
        known += rule.cfa_is != HAK_CFA_UNKNOWN;
        /* Tables are relative to where they lie. */
        CHECK(same_rule(rule, hak_cfi_rule(&copy.object, pc + copy.distance)));
    }
    CHECK_MOST(all * 9 / 10, known);
}

static void wrong_bytes_in_tables_are_survived(void) {
    copy_t copy = copy_tables();
    check_random_t random = {check_seed()};
    size_t changed = 0, rounds = check_scaled(3000);
    for (size_t round = 0; round < rounds; round++) {
        size_t places[16];
        unsigned char old[16];
        /* Near the header, or near the entry of the function that is asked for, or anywhere. */
        uintptr_t pc = any_pc(&random, copy.code) + copy.distance;
        hak_rule_t right = hak_cfi_rule(&copy.object, pc);
        size_t start = copy.tables, room = round % 3 == 0 ? 64 : copy.size - copy.tables;
        for (size_t i = 0; i < 16; i++) {
            places[i] = start + check_below(&random, room);
            old[i] = copy.bytes[places[i]];
            copy.bytes[places[i]] = (unsigned char)check_random(&random);
        }
        for (size_t i = 0; i < 50; i++) hak_cfi_rule(&copy.object, any_pc(&random, copy.code) + copy.distance);
        changed += !same_rule(right, hak_cfi_rule(&copy.object, pc));
        for (size_t i = 16; i-- > 0;) copy.bytes[places[i]] = old[i];
        CHECK(same_rule(right, hak_cfi_rule(&copy.object, pc)));
    }
    CHECK(changed != 0);
    /* All of it. */
    for (size_t round = 0; round < check_scaled(20); round++) {
        for (size_t i = copy.tables + 12; i < copy.size; i++) copy.bytes[i] = (unsigned char)check_random(&random);
        for (size_t i = 0; i < 500; i++) hak_cfi_rule(&copy.object, any_pc(&random, copy.code) + copy.distance);
    }
}

enum { TABLE_SIZE = 512, PROGRAM = 65, PROGRAM_MAX = 187, FUNCTION_SIZE = 4096 };

/* A header, the entry common to all functions, and that of one function, which starts where the table does; its program
 * follows at PROGRAM. */
static const unsigned char one_function[PROGRAM] = {
    [0] = 1, 0x1b, 0x03, 0x3b, [8] = 1, [16] = 48,                      /* the function's entry is at 48 */
    [20] = 24, [28] = 1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b,             /* units of 1 and -8, return address in 16 */
    [37] = 0x0c, 7, 8, 0x90, 1,                                         /* CFA = sp + 8, return address at CFA - 8 */
    [48] = 200, [52] = 32, [56] = 0xc8, 0xff, 0xff, 0xff, [61] = FUNCTION_SIZE >> 8,
};

static void programs_of_rules_may_be_anything(void) {
    static unsigned char table[TABLE_SIZE] __attribute__((aligned(8)));
    check_random_t random = {check_seed()};
    hak_object_t object = {.unwind_header = (uintptr_t)table, .count = 1};
    object.segments[0] = (hak_segment_t){(uintptr_t)table, (uintptr_t)(table + sizeof table), 0, true, false};
    memcpy(table, one_function, sizeof one_function);
    hak_rule_t plain = hak_cfi_rule(&object, (uintptr_t)table + 5);
    CHECK(same_rule(plain, (hak_rule_t){HAK_CFA_SP, HAK_FP_SAME, 8, 0}));
    size_t seen[HAK_CFA_END + 1] = {0};
    for (size_t round = 0; round < check_scaled(300000); round++) {
        memset(table + PROGRAM, 0, PROGRAM_MAX);
        size_t length = check_below(&random, 1 + (round % 2 == 0 ? 8 : PROGRAM_MAX));
        for (size_t i = 0; i < length; i++) {
            uint64_t byte = check_random(&random);
            /* Three in four are instructions with operands, or small operands. */
            table[PROGRAM + i] = (unsigned char)(byte % 4 == 0 ? byte >> 8 : (byte >> 8) % 0x30);
        }
        seen[hak_cfi_rule(&object, (uintptr_t)table + check_below(&random, FUNCTION_SIZE)).cfa_is]++;
    }
    CHECK(seen[HAK_CFA_SP] != 0 && seen[HAK_CFA_FP] != 0 && seen[HAK_CFA_UNKNOWN] != 0 && seen[HAK_CFA_END] != 0);
}

/* Frames of wrong stacks are whatever they are; the walk ends and reads nothing that cannot be read. */
static void any_registers_are_survived(void) {
    check_random_t random = {check_seed()};
    hak_segment_t code = copy_tables().code;
    uintptr_t pcs[DEPTH], stack = (uintptr_t)__builtin_frame_address(0);
    size_t frames = 0;
    for (size_t round = 0; round < check_scaled(100000); round++) {
        hak_registers_t here = {any_pc(&random, code), stack + check_below(&random, 1 << 14) * 8, check_random(&random)};
        if (round % 2 == 0) here.fp = stack + check_below(&random, 1 << 16);
        if (round % 5 == 0) here.sp = check_random(&random);
        if (round % 7 == 0) here.pc = check_random(&random);
        hak_walk_t walk = hak_unwind(here, round % 3 == 0, (hak_code_t){0, 0}, pcs, DEPTH);
        CHECK_MOST(walk.count, DEPTH);
        frames += walk.count;
    }
    CHECK(frames > 0);
}

static void any_stack_is_survived(void) {
    check_random_t random = {check_seed()};
    hak_segment_t code = copy_tables().code;
    volatile uintptr_t words[4096];
    uintptr_t pcs[DEPTH];
    size_t longest = 0;
    for (size_t round = 0; round < check_scaled(3000); round++) {
        for (size_t i = 0; i < 4096; i++) {
            uint64_t kind = check_below(&random, 8);
            words[i] = kind < 4   ? any_pc(&random, code)
                       : kind < 6 ? (uintptr_t)&words[check_below(&random, 4096)]
                       : kind < 7 ? check_random(&random)
                                  : 0;
        }
        hak_registers_t here = {any_pc(&random, code), (uintptr_t)words, (uintptr_t)&words[check_below(&random, 4096)]};
        hak_walk_t walk = hak_unwind(here, false, (hak_code_t){0, 0}, pcs, DEPTH);
        if (walk.count > longest) longest = walk.count;
    }
    CHECK_MOST(4, longest);
}

static __attribute__((noinline)) hak_registers_t caller(void) {
    const uintptr_t *frame = __builtin_frame_address(0);
    return (hak_registers_t){frame[1], (uintptr_t)(frame + 2), frame[0]};
}

static volatile size_t ways_walked, ways_known;

/* Two ways to the same frames and back: the compiler must not make them one. */
static __attribute__((noinline)) void compare_walks(size_t depth, size_t max) {
    if (depth % 3 == 1) {
        compare_walks(depth - 1, max);
        ways_walked++;
        return;
    }
    if (depth != 0) {
        compare_walks(depth - 1, max);
        ways_walked += 2;
        return;
    }
    hak_registers_t here = caller();
    uintptr_t pcs[DEPTH], anew[DEPTH];
    hak_walk_t known[2];
    bool knows[2] = {hak_unwind_known(here, max, &known[0])};
    hak_walk_t walk = hak_unwind(here, false, (hak_code_t){0, 0}, pcs, max);
    knows[1] = hak_unwind_known(here, max, &known[1]);
    /* As if a signal had struck there: such a walk uses nothing of an earlier one. */
    hak_walk_t other = hak_unwind(here, true, (hak_code_t){0, 0}, anew, max);
    CHECK_EQUAL(walk.count, other.count);
    CHECK_EQUAL(pcs[0], here.pc);
    for (size_t i = 1; i < walk.count; i++) CHECK_EQUAL(pcs[i], anew[i]);
    uint64_t hash = 0;
    for (size_t i = walk.count; i-- != 0;) hash = hak_hash_add(hash, pcs[i]);
    CHECK(walk.hash == hash);
    for (int i = 0; i < 2; i++) CHECK(!knows[i] || (known[i].hash == hash && known[i].count == walk.count));
    ways_known += knows[1];
    ways_walked++;
}

static void a_known_way_leads_to_the_frames_that_are_there(void) {
    check_random_t random = {check_seed()};
    size_t rounds = check_scaled(20000);
    for (size_t round = 0; round < rounds; round++) {
        compare_walks(check_below(&random, round % 64 == 0 ? 2 * DEPTH : 12), 1 + check_below(&random, DEPTH));
    }
    CHECK_MOST(rounds, ways_walked);
    if (HAK_X86_64) CHECK_MOST(rounds - rounds / 50, ways_known); /* all but those on which the stack grew */
}

CHECK_MAIN(CASE(a_known_way_leads_to_the_frames_that_are_there), CASE(most_of_a_library_has_rules), CASE(wrong_bytes_in_tables_are_survived),
           CASE(programs_of_rules_may_be_anything), CASE(any_registers_are_survived), CASE(any_stack_is_survived))
