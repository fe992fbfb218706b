"""How makes of cars and chargers behave when commanded. Data with sources; a session learns the rest by measuring."""

from datetime import timedelta

from domain.devices import Side
from domain.model import Model


class Traits(Model):
    """What a session must know before it commands a device."""

    acts_within: timedelta = timedelta(minutes=5)  # longest ordinary time from command to effect
    toggles: bool = False  # a repeated command flips it (F18)
    resumes: bool = True  # False: a pause may end the charge for good (F22, F25)


PROOF_SLACK = timedelta(minutes=5)
"""From the effect to a reading that shows it: vendors refresh every two to seven minutes, after a hint sooner."""

ORDINARY = Traits()

SLOW = timedelta(minutes=15)
"""Slow brands take 5 to 15 minutes (Enode, timing of actions)."""

_KNOWN: dict[tuple[Side, str], Traits] = {
    # gndean/home-assistant-hypervolt-charger#55: a second "unlock" pauses the box.
    (Side.CHARGER, "HYPERVOLT"): Traits(toggles=True),
    # evcc-io/evcc#21293, steff393/wbec#136: no charge after hours of pause.
    (Side.VEHICLE, "DACIA"): Traits(resumes=False),
    (Side.VEHICLE, "SMART"): Traits(resumes=False),
    # evcc-io/evcc#28652, Hyundai-Kia-Connect/kia_uvo: commands go through a queue at the maker and wake the car first.
    (Side.VEHICLE, "HYUNDAI"): Traits(acts_within=SLOW),
    (Side.VEHICLE, "KIA"): Traits(acts_within=SLOW),
}


def traits_of(side: Side, vendor: str) -> Traits:
    """What is known of this vendor's devices."""
    return _KNOWN.get((side, vendor.upper()), ORDINARY)
