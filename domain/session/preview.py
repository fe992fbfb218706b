"""What an action of the driver's costs and risks, as told before and after it."""

from decimal import Decimal

from domain.model import Instant, Model


class Preview(Model):
    """One way to spend the rest of the night, beside the plan in hand. Money by the tariff, in `currency`."""

    act: str
    at: Instant
    cost: Decimal | None = None  # of the energy to the target, that way; None: no prices are known
    cost_as_planned: Decimal | None = None
    currency: str = "EUR"
    departs_at: Instant | None = None
    soc_at_departure_pct: float | None = None  # at least this, if nothing fails; None: the level is unknown
    ready_at: Instant | None = None  # None: the target is not reached that way
    is_at_risk: bool = False  # the target is not reached by departure

    @property
    def extra_cost(self) -> Decimal | None:
        """How much more it costs than the plan in hand; negative: less."""
        if self.cost is None or self.cost_as_planned is None:
            return None
        return self.cost - self.cost_as_planned
