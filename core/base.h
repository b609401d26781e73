/* base.h -- types, attributes and constants that every layer shares.
 * May use: the generated hak_spec.h. */
#ifndef HAK_BASE_H
#define HAK_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hak_spec.h"

/* Flavours: one source, told apart by constants that the compiler folds. */
#define HAK_FLAVOUR_RELEASE 0
#define HAK_FLAVOUR_COUNT 1
#define HAK_FLAVOUR_SECURE 2
#define HAK_FLAVOUR_DEBUG 3
#ifndef HAK_FLAVOUR
#define HAK_FLAVOUR HAK_FLAVOUR_RELEASE
#endif
#define HAK_DEBUG (HAK_FLAVOUR == HAK_FLAVOUR_DEBUG)
#define HAK_COUNT (HAK_FLAVOUR == HAK_FLAVOUR_COUNT)
#define HAK_SECURE (HAK_FLAVOUR == HAK_FLAVOUR_SECURE)

/* 1 in a test build whose marked places give the processor away (preempt.h). */
#ifndef HAK_PREEMPT
#define HAK_PREEMPT 0
#endif

#define HAK_LIKELY(x) __builtin_expect(!!(x), 1)
#define HAK_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define HAK_NOINLINE __attribute__((noinline))
/* For doors to the fast paths: what they call becomes part of them, however large the rest of the unit is. */
#define HAK_FLAT __attribute__((flatten))
/* Part of each caller: where a constant argument decides what is left of it. */
#define HAK_INLINE __attribute__((always_inline)) inline
#define HAK_COLD __attribute__((noinline, cold))
#define HAK_ALIGNED(n) __attribute__((aligned(n)))
/* Zeroed memory that comes after all other, so that small variables that every process uses share few pages. */
#define HAK_BIG_TABLE __attribute__((section(".bss.big")))
#define HAK_EXPORT __attribute__((visibility("default")))

/* Reads what no variable of the program says it may: stacks of others, objects by their layout. */
#define HAK_RAW_READS __attribute__((no_sanitize("address", "thread", "undefined")))

#if defined(__x86_64__)
#define HAK_X86_64 1
#else
#define HAK_X86_64 0
#endif

/* Keeps a value out of the register that a function returns its result in, which saves malloc a move. */
#if defined(__x86_64__)
#define HAK_NOT_IN_RESULT(value) __asm__("" : "+d"(value))
#else
#define HAK_NOT_IN_RESULT(value) ((void)0)
#endif

/* Whose call instructions the stack's return addresses follow; otherwise x86's. */
#if defined(__aarch64__)
#define HAK_ARM64 1
#else
#define HAK_ARM64 0
#endif

enum {
    HAK_CACHE_LINE = 64,
    HAK_BLOCK_ALIGN = 16,
    HAK_SLAB_UNITS_MAX = 16,
};

#define HAK_UNIT_SIZE ((size_t)1 << HAK_UNIT_SHIFT)
#define HAK_SUPERSLAB_SIZE ((size_t)1 << HAK_SUPERSLAB_SHIFT)
#define HAK_SUPERSLAB_UNITS ((size_t)1 << (HAK_SUPERSLAB_SHIFT - HAK_UNIT_SHIFT))

/* A chain of free blocks that moves as one; chain.h says how they are linked. */
typedef struct hak_chain {
    void *head;
    uint32_t count;
} hak_chain_t;

#endif
