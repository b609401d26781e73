/* os.h -- the system: address space, pages, time, entropy, waiting.
 * May use: base, bits, atomic, counters.
 * Every function keeps errno; failures are returned as facts. Sizes and addresses are multiples of the system's page. */
#ifndef HAK_OS_H
#define HAK_OS_H

#include "atomic.h"

size_t hak_os_page_size(void);

typedef enum { HAK_RESERVED, HAK_TAKEN, HAK_REFUSED } hak_reserved_t;

/* Address space without access rights at exactly `at`. Taken: something is mapped there, and stays. */
hak_reserved_t hak_os_reserve_at(void *at, size_t size);
/* The same wherever the system likes; NULL on failure. */
void *hak_os_reserve(size_t size);
/* Readable and writable zero pages, at `at` or nowhere; anywhere if `at` is NULL. */
void *hak_os_map(void *at, size_t size);
/* Empty pages without access in place of what is mapped there. */
bool hak_os_map_anew(void *at, size_t size);
void hak_os_release(void *address, size_t size);
/* True if RLIMIT_AS bounds the process, so that address space that is held for nothing is missed elsewhere. */
bool hak_os_address_space_is_limited(void);
/* Makes reserved pages readable and writable. False: the system refuses; nothing has changed. */
bool hak_os_commit(void *address, size_t size);
/* Takes all access rights from pages, whose contents stay. False: the system refuses; some may have lost them. */
bool hak_os_forbid(void *address, size_t size);
/* Lets pages be read and no longer written, if the system will. */
void hak_os_seal(void *address, size_t size);
/* Makes pages inaccessible (what they held may be lost), or accessible again. Where the system has guard pages (Linux 6.13) that
 * splits no mapping; elsewhere it does, and is refused beyond some thousand at a time. */
bool hak_os_guard(void *address, size_t size, bool on);
/* Gives the physical pages back; true: the range reads as zero from now on. */
bool hak_os_purge(void *address, size_t size);
typedef enum { HAK_NOT_MOVED, HAK_MOVED, HAK_TARGET_LOST } hak_moved_t;

/* Moves the pages of [from, from + size) to `to`, over what is mapped there; `from` stays mapped and reads as zero. Not moved:
 * all is as before, but `to` may read as zero. Target lost: nothing is mapped at `to` any more. */
hak_moved_t hak_os_move(void *from, void *to, size_t size);
void *hak_os_grow(void *address, size_t old_size, size_t new_size);

/* The choices of the setting; and always, of small heaps too (arena.c). */
typedef enum { HAK_HUGE_SYSTEM, HAK_HUGE_ALWAYS, HAK_HUGE_NEVER, HAK_HUGE_FROM_START } hak_huge_t;
void hak_os_huge_pages(void *address, size_t size, hak_huge_t policy);

/* Milliseconds of a monotonic clock that costs no system call; coarse (some 4 ms). */
uint64_t hak_os_now_ms(void);
/* Nanoseconds of the exact monotonic clock. */
uint64_t hak_os_now_ns(void);
/* Milliseconds for which the calling thread has had a processor; 0 where nobody tells. */
uint64_t hak_os_worked_ms(void);
void hak_os_sleep_ms(uint64_t ms);
/* Starts a detached thread that gets none of the program's signals, but its own faults; false: there is none. */
bool hak_os_start_thread(void *(*run)(void *));
uint64_t hak_os_entropy(void);
/* True in a process that runs with more rights than its user (set-user-id and the like). */
bool hak_os_secure(void);
/* The environment as the process got it, also before the C library has set itself up: `visit` gets each "NAME=value" whose
 * name begins with `prefix`; strings stay valid. */
void hak_os_environment(const char *prefix, void (*visit)(const char *entry, void *context), void *context);

/* The processor on which the thread runs, or ran a moment ago. */
unsigned hak_os_processor(void);

/* Copies what may be unreadable; false, and nothing said about `to`, if any byte of it is. */
bool hak_os_peek(uintptr_t from, void *to, size_t size);
/* The same of `count` places, HAK_PEEKS_MAX at most, to `to` one behind the other: how many there are before the first that cannot be read. */
enum { HAK_PEEKS_MAX = 64 };
size_t hak_os_peek_each(const uintptr_t *from, size_t count, size_t size, void *to);
/* How many of the `count` system pages from `address` on can be read, up to the first that cannot. */
size_t hak_os_readable_pages(uintptr_t address, size_t count);
/* Debug flavour: brings pages that will be written in at once, which is cheaper than a fault for each. */
void hak_os_populate(void *address, size_t size);

typedef struct hak_registers {
    uintptr_t pc, sp, fp;
} hak_registers_t;
/* As much of a ucontext_t is read: on x86-64 up to the instruction pointer. */
enum { HAK_SIGNAL_CONTEXT_WORDS = 22 };
/* Those that a signal handler's third argument (ucontext_t) holds. */
hak_registers_t hak_os_registers(const void *signal_context);
/* Above all frames of the calling thread, if it runs on the stack that it was started on. */
uintptr_t hak_os_stack_end(uintptr_t sp);
/* Whether the instruction that a fault struck was about to write; the handler's third argument. */
bool hak_os_struck_writing(const void *signal_context);
uint32_t hak_os_thread(void);

/* Where a thread is: the instruction that a signal struck (0: none), and an address below which its frames end. */
typedef struct hak_where {
    uintptr_t pc;
    const void *frame;
} hak_where_t;

/* An access to memory that the processor could not make (SIGSEGV, SIGBUS); the context is the handler's third argument. */
typedef struct hak_fault {
    const void *address;
    bool writes;
    hak_where_t at;
    const void *signal_context;
} hak_fault_t;
/* What follows: the program's own handler in either of the first two cases. */
typedef enum {
    HAK_FAULT_UNKNOWN, /* without one, the system's action */
    HAK_FAULT_TOLD,    /* without one, abort() */
    HAK_FAULT_LAST,    /* the system's action at once */
    HAK_FAULT_MENDED,  /* the instruction runs again */
} hak_fault_end_t;
typedef hak_fault_end_t (*hak_fault_handler_t)(const hak_fault_t *fault);
/* Calls `handle` at each from now on. Once. */
void hak_os_on_fault(hak_fault_handler_t handle);
/* Comes before a handler that the program has set since. Not by two threads at once. */
void hak_os_on_fault_again(void);

void hak_os_wait(_Atomic uint32_t *word, uint32_t value);
void hak_os_wake(_Atomic uint32_t *word);

#endif
