"""What slabs got from all caches, less what they gave, of late. Mirrors core/flow.c."""

from hakmem.model.policy import Policy
from hakmem.model.thread_cache import ThreadCache


class Flow:
    """The sum of what threads have published.

    sum_b, low_b, low_now_b: bytes: now; the lowest since the window before this one began; in this one.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.sum_b = 0
        self.low_b = 0
        self.low_now_b = 0

    def publish(self, cache: ThreadCache) -> None:
        """Adds what the thread's flow has grown by, if that is a step or more."""
        more_b = cache.flow_b - cache.published_flow_b
        if abs(more_b) < self.policy.flow_step_b:
            return
        cache.published_flow_b = cache.flow_b
        self.sum_b += more_b
        self.low_b = min(self.low_b, self.sum_b)
        self.low_now_b = min(self.low_now_b, self.sum_b)

    @property
    def risen_b(self) -> int:
        """By how many bytes the sum is above its lowest of one to two windows."""
        return self.sum_b - self.low_b

    def end_window(self) -> None:
        """Forgets the window before this one."""
        self.low_b = self.low_now_b
        self.low_now_b = self.sum_b
