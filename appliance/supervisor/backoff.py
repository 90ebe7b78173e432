"""How long to wait before a restart, and when to give up. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """The first restart is immediate; each further one waits twice as long, up to `longest`.

    After `budget` restarts within `window` seconds the unit is given up. It then rests, and is
    tried once each `rest` seconds: what it lacked, such as room on the disk, may be there again.
    """

    first: float = 1.0
    longest: float = 60.0
    budget: int = 10
    window: float = 1800.0
    rest: float = 600.0

    def delay(self, streak: int) -> float:
        """Return the seconds to wait after `streak` restarts without a stable run between."""
        if streak == 0:
            return 0.0
        # The exponent is capped so that a long streak cannot overflow a float.
        return float(min(self.longest, self.first * 2 ** min(streak - 1, 32)))

    def recent(self, restarts: tuple[float, ...], now: float) -> tuple[float, ...]:
        """Return those restarts that still count."""
        return tuple(moment for moment in restarts if now - moment < self.window)

    def spent(self, restarts: tuple[float, ...], now: float) -> bool:
        """Whether the budget is used up."""
        return len(self.recent(restarts, now)) >= self.budget
