/* os_debug.c -- what the debug flavour alone asks of the system: reads that may fail, and where a thread's registers and stack
 * are. See os.h. */
#include <errno.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#include "bits.h"
#include "os.h"

enum { PAGES_A_CALL = 64 };

/* Of the dynamic linker: the stack pointer with which the process started. */
extern void *__libc_stack_end __attribute__((weak));

static long read_self(const struct iovec *to, const struct iovec *from, size_t count) {
    int saved = errno;
    long n = syscall(SYS_process_vm_readv, getpid(), to, 1ul, from, (unsigned long)count, 0ul);
    errno = saved;
    return n;
}

bool hak_os_peek(uintptr_t from, void *to, size_t size) {
    struct iovec target = {to, size}, source = {(void *)from, size};
    return read_self(&target, &source, 1) == (long)size;
}

size_t hak_os_readable_pages(uintptr_t address, size_t count) {
    size_t page = hak_os_page_size(), done = 0;
    address = hak_round_down(address, page);
    while (done < count) {
        char bytes[PAGES_A_CALL];
        struct iovec sources[PAGES_A_CALL], target = {bytes, sizeof bytes};
        size_t asked = hak_min(count - done, PAGES_A_CALL);
        for (size_t i = 0; i < asked; i++) sources[i] = (struct iovec){(void *)(address + (done + i) * page), 1};
        long n = read_self(&target, sources, asked); /* stops at the first that it cannot read */
        if (n > 0) done += (size_t)n;
        if (n != (long)asked) break;
    }
    return done;
}

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
