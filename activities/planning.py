"""Plans: the known prices, the problem, the solver. Solving is synchronous and runs on the worker's executor."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

from temporalio import activity

from activities.errors import translated
from domain import steps
from domain.errors import NightchargeError
from domain.ports import Planner, PriceSource
from domain.prices import PriceSeries
from domain.session.effects import PlanRequest
from domain.session.events import PlanReady
from domain.session.problem import problem_for

HISTORY = timedelta(days=9)
"""World time of past prices a forecast needs: a week, its level, and a day of slack."""

PRICE_LIMIT = timedelta(seconds=10)
"""Real time the price source may take."""


class Planning:
    """Makes plans from prices by an optimiser. `loop` is the event loop on which the price source lives."""

    def __init__(self, prices: PriceSource, planner: Planner, loop: asyncio.AbstractEventLoop) -> None:
        self._prices, self._planner, self._loop = prices, planner, loop

    @activity.defn(name=steps.MAKE_PLAN)
    def make_plan(self, step: steps.MakePlan) -> PlanReady:
        """The plan for the rest of the night; missing prices never mean no plan."""
        request = step.request
        with translated():
            series = self._known_prices(request)
            plan = self._planner(problem_for(request, series))
        return PlanReady(
            revision=request.revision, plan=plan, prices_known_until=series.covers_until(request.starts_at)
        )

    def _known_prices(self, request: PlanRequest) -> PriceSeries:
        """The night's prices, and the days before: what is not out yet is told from them."""
        asked = self._prices.prices(request.tariff.area, request.starts_at - HISTORY, request.departs_at)
        try:
            return self._answer(asked)
        except (NightchargeError, TimeoutError) as error:
            activity.logger.warning("planned without prices", extra={"why": type(error).__name__})
            return PriceSeries(area=request.tariff.area, currency=request.tariff.currency, source="none", slots=())

    def _answer(self, asked: Coroutine[Any, Any, PriceSeries]) -> PriceSeries:
        """The price source lives on the worker's loop, this step on a thread."""
        return asyncio.run_coroutine_threadsafe(asked, self._loop).result(PRICE_LIMIT.total_seconds())
