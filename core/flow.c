#include "flow.h"

#include "bits.h"

enum { FLOW_STEP = 1 << 20 }; /* bytes; half a superslab, so that the line of `sum` is not asked for often */

static struct {
    _Atomic int64_t sum;
    _Atomic int64_t low, low_now; /* the lowest since the window before this one began, and in this one */
} flow HAK_ALIGNED(64);

static void lower(_Atomic int64_t *low, int64_t sum) {
    if (sum < hak_load_relaxed(low)) hak_store_relaxed(low, sum);
}

void hak_flow_publish(int64_t flow_bytes, int64_t *published) {
    int64_t more = flow_bytes - *published;
    if (more > -FLOW_STEP && more < FLOW_STEP) return;
    *published = flow_bytes;
    int64_t sum = hak_add_relaxed(&flow.sum, more) + more;
    lower(&flow.low, sum);
    lower(&flow.low_now, sum);
}

int64_t hak_flow_risen(void) { return hak_load_relaxed(&flow.sum) - hak_load_relaxed(&flow.low); }

void hak_flow_end_window(void) {
    hak_store_relaxed(&flow.low, hak_load_relaxed(&flow.low_now));
    hak_store_relaxed(&flow.low_now, hak_load_relaxed(&flow.sum));
}
