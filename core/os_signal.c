/* os_signal.c -- what a signal tells: registers, the stack, the access that faulted, and who is asked about it. See os.h. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <ucontext.h>

#include "os.h"

/* Of the dynamic linker: the stack pointer with which the process started. */
extern void *__libc_stack_end __attribute__((weak));

#if defined(__x86_64__)
enum { FAULT_WRITES = 2 }; /* bit of a page fault's error code; Intel SDM 3A, 4.7 */

bool hak_os_struck_writing(const void *signal_context) {
    return (((const ucontext_t *)signal_context)->uc_mcontext.gregs[REG_ERR] & FAULT_WRITES) != 0;
}
#elif defined(__aarch64__)
enum { ESR_WRITES = 1 << 6 }; /* WnR of a data abort, Arm ARM D17.2 */

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

#if defined(__x86_64__)
_Static_assert(offsetof(ucontext_t, uc_mcontext.gregs[REG_RIP]) + sizeof(greg_t) == HAK_SIGNAL_CONTEXT_WORDS * sizeof(uintptr_t),
               "the last that is read");
#endif

HAK_RAW_READS hak_registers_t hak_os_registers(const void *signal_context) {
    const ucontext_t *context = signal_context;
#if defined(__x86_64__)
    const greg_t *registers = context->uc_mcontext.gregs;
    return (hak_registers_t){(uintptr_t)registers[REG_RIP], (uintptr_t)registers[REG_RSP], (uintptr_t)registers[REG_RBP]};
#elif defined(__aarch64__)
    return (hak_registers_t){context->uc_mcontext.pc, context->uc_mcontext.sp, context->uc_mcontext.regs[29]};
#else
    (void)context;
    return (hak_registers_t){0, 0, 0};
#endif
}

/* A thread's control block lies above its stack; that of the first thread does not. */
uintptr_t hak_os_stack_end(uintptr_t sp) {
    uintptr_t block = (uintptr_t)__builtin_thread_pointer();
    if (block > sp) return block;
    return &__libc_stack_end != NULL ? (uintptr_t)__libc_stack_end : UINTPTR_MAX;
}

static hak_fault_handler_t fault_handler;
static struct sigaction fault_before[2]; /* SIGSEGV, SIGBUS */

static void on_fault(int signal, siginfo_t *info, void *context) {
    int saved = errno;
    hak_registers_t registers = hak_os_registers(context);
    hak_where_t at = {registers.pc, (const void *)registers.sp};
    bool known = info->si_code > 0 && fault_handler(info->si_addr, hak_os_struck_writing(context), at);
    struct sigaction *before = &fault_before[signal == SIGBUS];
    errno = saved;
    bool has_handler = (before->sa_flags & SA_SIGINFO) != 0 || (before->sa_handler != SIG_DFL && before->sa_handler != SIG_IGN);
    if (has_handler) {
        if ((before->sa_flags & SA_SIGINFO) != 0) before->sa_sigaction(signal, info, context);
        else before->sa_handler(signal);
    } else if (known) {
        abort();
    } else {
        sigaction(signal, before, NULL);
        if (info->si_code <= 0) raise(signal); /* it was sent: the instruction would not fault again */
    }
}

void hak_os_on_fault(hak_fault_handler_t handle) {
    int saved = errno;
    fault_handler = handle;
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    action.sa_sigaction = on_fault;
    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, &fault_before[0]);
    sigaction(SIGBUS, &action, &fault_before[1]);
    errno = saved;
}
