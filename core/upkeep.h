/* upkeep.h -- what makes free memory go back: ticks, purges, traps, trimming.
 * May use: everything up to flow.
 *
 * Slow paths call hak_upkeep when they went past the thread cache. Twice per purge delay one of them runs a tick: bins,
 * spares and batches that nobody used since the last tick go to their slabs, wholly free slabs to the pool, and the pool's
 * longest unused pages to the system, for at most a millisecond a call.
 *
 * When what is in use grows by a thirty-second, what lies idle is collected before its time, but nothing purged: the heap that
 * grows takes the slabs of other sizes rather than new memory.
 *
 * A thread that loops on one bin would never come by. So while more dirty memory is free than may be retained (a debt), or
 * much went to slabs lately (by this thread, and on the whole: flow.h) that ticks have not settled yet, a slow path sets a
 * trap (thread.h) if the debt grows or the coarse clock (4 ms) has moved: each call takes the slow path, which looks at the
 * clock, in a fast loop at every 64th call.
 * Trips past the cache spring the trap again, so that a busy thread pays little, and a thread in a loop pays for no longer
 * than until it is settled. A tick that finds a debt traps all threads.
 */
#ifndef HAK_UPKEEP_H
#define HAK_UPKEEP_H

#include "thread.h"

/* After a call that changed what the slabs and the pool have; `cache` may be NULL. */
void hak_upkeep(hak_cache_t *cache);
/* After a trip past a bin. One to the transfer cache makes no debt: without one, few of them look at the clock. */
void hak_upkeep_after(hak_cache_t *cache, hak_trip_t trip);
/* Starts the thread of the setting background_purge, once. From allocations only: a free may come from within the C library's
 * handling of threads. */
void hak_upkeep_start_thread(void);
/* For each call of a trapped thread that its own bins could serve. */
void hak_upkeep_trapped(hak_cache_t *cache);
/* Dirty units that should have gone: of spans that have been free for the purge delay and a tick. */
size_t hak_upkeep_overdue_units(void);
/* Gives back all that is free but `pad` bytes; true if anything went. */
bool hak_upkeep_trim(hak_cache_t *cache, size_t pad);

#endif
