/* secure.h -- what the secure flavour checks in every call.
 * May use: base, bits, atomic, diag, chain, os, options, size_class, arena, state, span, large, doors.
 *
 * Behind the requested bytes of a live block of up to 32 KiB stands a canary, and in those of 1 to 4 KiB another at the end,
 * which is what an underrun of the next block meets. A block that is handed out must have the state of a free one of its class,
 * its second word must be zero, and with `zero_on_free` all the rest. What is not so ends the process.
 *
 * alloc.c has short ways that do the same for blocks of up to 256 KiB. */
#ifndef HAK_SECURE_H
#define HAK_SECURE_H

#include "doors.h"
#include "large.h"
#include "state.h"

/* A block of the arena, given by a list as one of class `c`, leaves the allocator for `size` bytes. */
void hak_secure_give(void *block, unsigned c, size_t size);
/* A pointer into the arena comes back, which must be a live block's. */
void hak_secure_take(void *block, const char *doing);
/* The requested size of a live block, and its class; and, when it is free from then on, what else `take` does. */
size_t hak_secure_look(const void *block, unsigned *c, const char *doing);
void hak_secure_retire(void *block, unsigned c, size_t size);
size_t hak_secure_size(const void *block, const char *doing);
/* The most that a live block of class `c` could be asked for. */
size_t hak_secure_capacity(const void *block, unsigned c);
/* A large block is no block any more, whatever it holds. */
void hak_secure_leave_large(const void *block);
/* A live block has another requested size from now on; its class has room for it. */
void hak_secure_resize(void *block, unsigned c, size_t size);
/* C++'s calls say how: after an allocation, and before a free. SIZE_MAX: no size was given. */
void hak_secure_set_kind(void *block, hak_kind_t kind);
void hak_secure_expect(const void *block, hak_kind_t kind, size_t size);

bool hak_secure_is_live(const void *block);

#endif
