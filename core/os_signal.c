/* os_signal.c -- what a signal tells: registers, the stack, the access that faulted, and who is asked about it. See os.h. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <ucontext.h>
#include <unistd.h>

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

static const int fault_signals[] = {SIGSEGV, SIGBUS};
enum { FAULT_SIGNALS = sizeof fault_signals / sizeof *fault_signals };

static hak_fault_handler_t fault_handler;
static struct sigaction fault_before[FAULT_SIGNALS]; /* what the program wants */

/* sigaction(2): not of the kernel's own finding; it says nothing about an address, and does not come again by itself. */
static bool was_sent(const siginfo_t *info) { return info->si_code <= 0; }

static void take_system_action(int signal, const siginfo_t *info) {
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigaction(signal, &standard, NULL);
    if (was_sent(info)) tgkill(getpid(), gettid(), signal); /* else it follows when the instruction faults again */
}

/* A handler that hands on what it was told, by raise() to the one that it found before itself, which may be ours: Python's. */
static _Thread_local volatile bool passing;

/* With the signals blocked that the kernel would have blocked: it ends a handler that faults itself. Who leaves by siglongjmp
 * sets the mask back; behind a return the kernel does. */
static void call_handler(const struct sigaction *handler, int signal, siginfo_t *info, void *context) {
    sigset_t blocked = handler->sa_mask;
    if ((handler->sa_flags & SA_NODEFER) == 0) sigaddset(&blocked, signal);
    pthread_sigmask(SIG_BLOCK, &blocked, NULL);
    passing = true;
    if ((handler->sa_flags & SA_SIGINFO) != 0) handler->sa_sigaction(signal, info, context);
    else handler->sa_handler(signal);
    passing = false;
}

static void on_fault(int signal, siginfo_t *info, void *context) {
    int saved = errno;
    hak_fault_end_t end = HAK_FAULT_UNKNOWN;
    if (!was_sent(info)) {
        hak_registers_t registers = hak_os_registers(context);
        hak_where_t at = {registers.pc, (const void *)registers.sp};
        end = fault_handler(&(hak_fault_t){info->si_addr, hak_os_struck_writing(context), at, context});
    }
    errno = saved;
    const struct sigaction *before = &fault_before[signal == SIGBUS];
    bool ignored = before->sa_handler == SIG_IGN, has_handler = before->sa_handler != SIG_DFL && !ignored;
    if (end == HAK_FAULT_MENDED || (ignored && was_sent(info))) return;
    if (has_handler && end != HAK_FAULT_LAST && !(passing && was_sent(info))) call_handler(before, signal, info, context);
    else if (end == HAK_FAULT_TOLD) abort();
    else take_system_action(signal, info);
    errno = saved;
}

static void install(int i, struct sigaction *before) {
    struct sigaction ours = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigemptyset(&ours.sa_mask);
    sigaction(fault_signals[i], &ours, before);
}

void hak_os_on_fault(hak_fault_handler_t handle) {
    int saved = errno;
    fault_handler = handle;
    for (int i = 0; i < FAULT_SIGNALS; i++) install(i, &fault_before[i]);
    errno = saved;
}

void hak_os_on_fault_again(void) {
    int saved = errno;
    for (int i = 0; i < FAULT_SIGNALS; i++) {
        struct sigaction now;
        if (sigaction(fault_signals[i], NULL, &now) != 0 || now.sa_sigaction == on_fault) continue;
        if (now.sa_handler == SIG_DFL) continue; /* what a program sets to end itself */
        fault_before[i] = now;
        install(i, NULL);
    }
    errno = saved;
}
