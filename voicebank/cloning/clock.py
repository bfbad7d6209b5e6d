"""How long a cloning takes: what is left of the time it may take, and when it will be done."""

from __future__ import annotations

import time
from collections.abc import Mapping

# Seconds a step on two cores, until one was measured.
TYPICAL = {"base speech": 0.1, "text2mel": 0.35, "ssrn": 0.75}
# Shares of max_minutes after which a stage must be over. What is left is for the sample and the scores.
UNTIL = {"text2mel": 0.6, "ssrn": 0.95}


class Clock:
    """Counts the computing of all calls together.

    Args:
        before: seconds of earlier calls.
        max_minutes: that all may take; None is no limit.
    """

    def __init__(self, before: float, max_minutes: float | None) -> None:
        self.before, self.max_minutes = before, max_minutes
        self.began = time.monotonic()

    @property
    def spent(self) -> float:
        """Seconds so far."""
        return self.before + time.monotonic() - self.began

    def left(self, stage: str) -> float:
        """Seconds until a stage must be over."""
        return 60 * self.max_minutes * UNTIL[stage] - self.spent if self.max_minutes else float("inf")

    def estimate(self, stage: str, seconds: float, steps: Mapping[str, int], pace: float | None = None) -> float:
        """Seconds until all is done.

        Args:
            stage: that is going on.
            seconds: it will still take.
            steps: of the stages after it.
            pace: its seconds a step: a machine that is slower in one stage is so in the others.
        """
        names = list(TYPICAL)
        after = names[names.index(stage) + 1 :] if stage in names else names[1:]
        slower = pace / TYPICAL[stage] if pace and stage in TYPICAL else 1.0
        total = seconds + sum(steps[s] * TYPICAL[s] * slower for s in after)
        return min(total, max(0.0, 60 * self.max_minutes - self.spent)) if self.max_minutes else total
