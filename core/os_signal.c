#include <signal.h>
#include <ucontext.h>

#include "os.h"

#if defined(__x86_64__)
enum { FAULT_WRITES = 2 }; /* bit of a page fault's error code; Intel SDM 3A, 4.7 */

bool hak_os_struck_writing(const void *signal_context) {
    return (((const ucontext_t *)signal_context)->uc_mcontext.gregs[REG_ERR] & FAULT_WRITES) != 0;
}
#elif defined(__aarch64__)
enum { ESR_MAGIC = 0x45535201, ESR_WRITES = 1 << 6 }; /* asm/sigcontext.h; WnR of a data abort, Arm ARM D17.2 */

bool hak_os_struck_writing(const void *signal_context) {
    const mcontext_t *machine = &((const ucontext_t *)signal_context)->uc_mcontext;
    const char *at = (const char *)machine->__reserved, *end = at + sizeof machine->__reserved;
    while (at + sizeof(struct _aarch64_ctx) <= end) {
        const struct _aarch64_ctx *head = (const struct _aarch64_ctx *)at;
        if (head->magic == 0 || head->size == 0) break;
        if (head->magic == ESR_MAGIC) return (((const struct esr_context *)at)->esr & ESR_WRITES) != 0;
        at += head->size;
    }
    return false;
}
#else
bool hak_os_struck_writing(const void *signal_context) {
    (void)signal_context;
    return false;
}
#endif
