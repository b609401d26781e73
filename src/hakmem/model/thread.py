"""Which threads have a cache. Mirrors core/thread.c but for fork and calls of a thread past its end."""

from collections.abc import Iterator

from hakmem.model.policy import World
from hakmem.model.thread_cache import Budget, Centrals, ThreadCache

Thread = int
"""A thread by any number that the caller likes; a number that has ended may be used again."""


class Threads:
    """The caches of living threads, and those that wait for threads to come.

    caches: newest thread first.
    """

    def __init__(self, world: World, budget: Budget, centrals: Centrals) -> None:
        self.world = world
        self.budget = budget
        self.centrals = centrals
        self.caches: dict[Thread, ThreadCache] = {}
        self._unused: list[ThreadCache] = []
        self._early_frees: dict[Thread, int] = {}

    def cache(self, thread: Thread) -> ThreadCache:
        """The thread's cache, made at its first call."""
        if thread not in self.caches:
            self._attach(thread)
        return self.caches[thread]

    def cache_to_free(self, thread: Thread) -> ThreadCache | None:
        """The thread's cache for a free; the first few of a thread that has not allocated do without one."""
        early = self._early_frees.get(thread, 0)
        if thread not in self.caches and early < self.world.policy.early_frees:
            self._early_frees[thread] = early + 1
            return None
        return self.cache(thread)

    def takes_slow_path(self, thread: Thread) -> bool:
        """Whether a thread's next call does not find its cache at once: its first one, and when trapped."""
        return thread not in self.caches or self.caches[thread].trapped or self.world.policy.always_slow

    def end(self, thread: Thread) -> None:
        """The thread exits: it leaves no cached memory behind."""
        self._early_frees.pop(thread, None)
        cache = self.caches.get(thread)
        if cache is None:
            return
        cache.flush()
        cache.trapped = False
        cache.watch.ticks_seen = 0
        del self.caches[thread]
        self._unused.append(cache)
        self.budget.sharers -= 1
        self.world.counters["threads_ended"] += 1

    def __iter__(self) -> Iterator[ThreadCache]:
        return iter(self.caches.values())

    @property
    def ever(self) -> Iterator[ThreadCache]:
        """Every cache that was ever made: living threads' and waiting ones."""
        yield from self.caches.values()
        yield from self._unused

    def _attach(self, thread: Thread) -> None:
        cache = self._unused.pop() if self._unused else self._new()
        self.caches = {thread: cache, **self.caches}
        self.budget.sharers += 1
        self.world.counters["threads_started"] += 1
        if self.world.settings.prewarm:
            cache.prewarm()

    def _new(self) -> ThreadCache:
        return ThreadCache(self.world, self.budget, self.centrals)
