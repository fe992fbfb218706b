"""Instances of the sample, and the ones derived from it: other slot lengths, other controls."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from planner.batch import NightColumns

Row = dict[str, Any]

SAMPLE = Path(__file__).resolve().parents[1] / "tests" / "data" / "plan-instances.json"


def read(path: Path = SAMPLE) -> dict[str, list[Row]]:
    content: dict[str, list[Row]] = json.loads(path.read_text(encoding="utf-8"))
    return content


def in_shorter_slots(night: Row, parts: int) -> Row:
    """The same night with every slot cut in `parts`: same prices, same shortest runs in minutes."""
    return night | {
        "price": [price for price in night["price"] for _ in range(parts)],
        "slot_min": night["slot_min"] / parts,
        "min_on": night["min_on"] * parts,
        "min_off": night["min_off"] * parts,
    }


def as_control(night: Row, control: str) -> Row:
    """The same night with another control; a minimum of 6 A is 3/8 of 16 A where the row has none below the maximum."""
    low = night["p_min"] if night["p_min"] < night["p_max"] else 0.375 * night["p_max"]
    return night | {"control": control, "p_min": low}


def with_taper(night: Row) -> Row:
    """The same night with power that falls from 80 % of the battery to a fifth at the full one, set freely."""
    return as_control(night, "modulated") | {"taper_from": 0.8 * night["cap"], "taper_end": 0.2 * night["p_max"]}


def without_ties(night: Row) -> Row:
    """The same night with a price of its own in every slot, as in a market of quarter hours: up to 1 ct/kWh more."""
    return night | {"price": [price + 0.01 * (37 * t % 101) / 101 for t, price in enumerate(night["price"])]}


def as_columns(nights: list[Row]) -> NightColumns:
    """Nights as columns for a batch; control is not looked at."""
    lengths = [len(night["price"]) for night in nights]
    names = ("cap", "soc0", "target", "min_soc", "p_max", "eta")
    return NightColumns(
        np.cumsum([0, *lengths]),
        np.array([price + night["adder"] for night in nights for price in night["price"]]),
        np.repeat([night["slot_min"] / 60.0 for night in nights], lengths),
        *(np.array([night[name] for night in nights], float) for name in names),
        np.full(len(nights), 10.0),
    )


def site_as_control(site: Row, control: str) -> Row:
    return site | {"cars": [car | {"control": control} for car in site["cars"]]}
