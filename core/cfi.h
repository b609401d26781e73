/* cfi.h -- how to find the caller of a function: one row of the table that compilers write for unwinding (.eh_frame; DWARF 5,
 * section 6.4, and the Linux Standard Base's .eh_frame_hdr), for x86-64.
 * May use: base, bits, object.
 * Reads nothing outside the object's readable segments, whatever the tables hold. */
#ifndef HAK_CFI_H
#define HAK_CFI_H

#include "object.h"

/* The canonical frame address (CFA: the caller's stack pointer) is... */
typedef enum {
    HAK_CFA_UNKNOWN, /* no rule, or one that is not understood */
    HAK_CFA_SP,      /* sp + cfa */
    HAK_CFA_FP,      /* fp + cfa */
    HAK_CFA_AT_SP,   /* the word at sp + cfa */
    HAK_CFA_AT_FP,   /* the word at fp + cfa: functions that align their stack */
    HAK_CFA_SIGNAL,  /* in the context that the kernel laid at sp */
    HAK_CFA_END,     /* nowhere: the thread starts here */
} hak_cfa_t;

/* The caller's frame pointer is... */
typedef enum {
    HAK_FP_SAME,
    HAK_FP_AT_CFA, /* the word at the CFA + fp */
    HAK_FP_AT_FP,  /* the word at fp + fp */
    HAK_FP_LOST,
} hak_fp_t;

/* The return address is always the word below the CFA. */
typedef struct hak_rule {
    hak_cfa_t cfa_is;
    hak_fp_t fp_is;
    int32_t cfa, fp;
} hak_rule_t;

/* The rule for an instruction of the object. */
hak_rule_t hak_cfi_rule(const hak_object_t *object, uintptr_t pc);

#endif
