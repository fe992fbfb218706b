"""What a session makes of new prices, and what its plan then reads."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from support.factories import EVENING, MORNING, make_reading, make_session

import planner
from activities.planning import Planning
from domain import steps
from domain.devices import Side
from domain.prices import PriceSeries, PriceSlot
from domain.session.apply import apply
from domain.session.effects import PlanRequest
from domain.session.events import PricesChanged
from domain.session.state import Night, SessionState
from domain.tariff import Tariff
from providers.prices.file import FilePrices
from providers.prices.layered import LayeredPrices
from storage.prices import SqlPrices
from storage.sql import SqlStore

HOUR = timedelta(hours=1)


def planned_session() -> SessionState:
    night = Night(number=1, opened_at=EVENING, departs_at=MORNING, target_soc_pct=80, min_soc_pct=0)
    return make_session(make_reading(Side.VEHICLE), night=night)


def wish(state: SessionState) -> str:
    assert state.night is not None
    return state.night.wants_replan


def test_new_prices_of_the_own_area_are_planned_with() -> None:
    assert wish(apply(planned_session(), PricesChanged(area="NL", publication="a"))) == "new prices are out"


def test_prices_of_another_area_are_not_our_business() -> None:
    assert wish(apply(planned_session(), PricesChanged(area="BE", publication="a"))) == ""


def test_publication_heard_again_changes_nothing_until_another_one_comes() -> None:
    state = apply(planned_session(), PricesChanged(area="NL", publication="a"))
    assert state.night is not None
    state = state.model_copy(update={"night": state.night.model_copy(update={"wants_replan": ""})})
    assert apply(state, PricesChanged(area="NL", publication="a")) == state
    assert wish(apply(state, PricesChanged(area="NL", publication="b"))) != ""


@pytest.mark.parametrize("is_stored", [False, True])
async def test_plan_follows_stored_prices_and_the_file_where_none_are_stored(tmp_path: Path, is_stored: bool) -> None:
    """The file has the cheapest hours at night; stored is a market on which the first two hours cost nothing."""
    store = SqlStore(f"sqlite:///{tmp_path}/store.db")
    await store.create()
    book = SqlPrices(store.database)
    if is_stored:
        starts = [EVENING + n * HOUR for n in range(12)]
        slots = tuple(
            PriceSlot(starts_at=at, ends_at=at + HOUR, price_per_kwh=0.0 if at < EVENING + 2 * HOUR else 0.9)
            for at in starts
        )
        await book.keep_prices(PriceSeries(area="NL", source="market", slots=slots), EVENING)
    prices = LayeredPrices([book, FilePrices()])
    planning = Planning(prices, planner.plan, asyncio.get_running_loop())
    request = PlanRequest(
        revision=1,
        starts_at=EVENING,
        departs_at=MORNING,
        tariff=Tariff(),
        battery_capacity_kwh=60,
        soc_pct=50,
        target_soc_pct=80,
        min_soc_pct=0,
        max_power_kw=11,
        efficiency=0.9,
        control="onoff",
        is_on=False,
    )
    ready = await asyncio.to_thread(planning.make_plan, steps.MakePlan(request=request))
    await store.close()
    early_kwh = sum(
        energy
        for start, energy in zip(ready.plan.edges, ready.plan.energy_ac_kwh, strict=False)
        if start < EVENING + 2 * HOUR
    )
    assert ready.prices_known_until is not None
    assert (early_kwh > 18) is is_stored
