"""What one night of a session may ask of devices and planner (F5, F35)."""

from pydantic import Field

from domain.model import Request

LAST_RESERVE = 16
"""Commands beyond the budget for starts from the last safe start on, or by the driver's word [count]: a car that is
not ready costs more than a call."""


class Budgets(Request):
    """Counts per night of a session. The least of each still charges the car: at once, instead of at the best price."""

    commands: int = Field(default=24, ge=1)
    reads: int = Field(default=24, ge=1)
    plans: int = Field(default=12, ge=1)  # the driver's own changes are planned beyond it

    @property
    def stops(self) -> int:
        """Commands that may be sent before a stop is given up: two thirds, at least one, are kept for starting."""
        return self.commands - max(1, self.commands * 2 // 3)

    def starts(self, *, is_pressing: bool) -> int:
        """Commands that may be sent before a start is given up; more if it presses."""
        return self.commands + (LAST_RESERVE if is_pressing else 0)
