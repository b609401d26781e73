#include "reach.h"

#include "bits.h"
#include "os.h"

enum { PAGES_MAX = 16384 }; /* of a stack that are asked for at once: 64 MiB of 4 KiB pages */

/* Of the stack that the thread was started on: what is known to be readable; high is 0 while nothing is. */
static _Thread_local struct {
    uintptr_t low, high;
} own_stack;

hak_reach_t hak_reach_start(void) {
    return (hak_reach_t){.own = {own_stack.low, own_stack.high}, .other = {0, 0}};
}

/* From the page of `address` up, at most to `end`; the end of what can be read. */
static uintptr_t readable_end(uintptr_t address, uintptr_t end) {
    size_t page = hak_os_page_size();
    uintptr_t low = hak_round_down(address, page);
    size_t pages = end - low < PAGES_MAX * page ? (end - low + page - 1) / page : PAGES_MAX;
    uintptr_t high = low + hak_os_readable_pages(low, pages) * page;
    return high < end ? high : end;
}

/* The thread's own stack grows down to it, or it is another. */
HAK_NOINLINE bool hak_reach_slow(hak_reach_t *reach, uintptr_t address) {
    size_t page = hak_os_page_size();
    if (address < page || address > UINTPTR_MAX / 2) return false;
    uintptr_t low = hak_round_down(address, page);
    uintptr_t end = reach->own.high != 0 && address < reach->own.low ? reach->own.low : hak_os_stack_end(address);
    bool is_below = address < end;
    uintptr_t high = readable_end(address, is_below ? end : UINTPTR_MAX);
    if (high == low) return false;
    if (!is_below || high < end) {
        reach->other.low = low;
        reach->other.high = high;
    } else {
        if (end != reach->own.low) reach->own.high = end;
        reach->own.low = low;
        own_stack.low = reach->own.low;
        own_stack.high = reach->own.high;
    }
    return address - low < high - low;
}
