"""Which charger holds a car: the vendor's word, the driver's, else plug times, power edges and place (F61-F66)."""

from support.factories import CAR, CHARGER, EVENING, at, make_reading

from domain.devices import PowerDeliveryState, Reading, Side
from domain.pairing import Edge, Trace, find_match, is_confirmed, is_disproved, traced

CHARGING, STOPPED, UNPLUGGED = PowerDeliveryState.CHARGING, PowerDeliveryState.STOPPED, PowerDeliveryState.UNPLUGGED
OTHER = "charger-2"


def box(hours: float, state: PowerDeliveryState = STOPPED, *, device_id: str = CHARGER, **changes) -> Reading:
    return make_reading(Side.CHARGER, hours=hours, state=state, device_id=device_id, **{"paired_with": None, **changes})


def car(hours: float, state: PowerDeliveryState = STOPPED, **changes) -> Reading:
    return make_reading(hours=hours, state=state, **{"paired_with": None, **changes})


def matched(*readings: Reading, **changes):
    """The match after these readings, in order."""
    newest: dict[str, Reading] = {}
    traces: dict[str, Trace] = {}
    for reading in readings:
        newest[reading.device_id] = reading
        traces[reading.device_id] = traced(traces.get(reading.device_id, Trace()), reading)
    return find_match(CAR, newest, traces, EVENING, **changes)


def test_s42_s43_the_vendors_word_is_sure_from_either_end_and_never_against_the_other() -> None:
    assert matched(car(0, paired_with=CHARGER)).confidence == 1
    assert matched(car(0), box(0, paired_with=CAR)).charger_id == CHARGER
    denied = matched(car(0, paired_with=CHARGER), box(0, paired_with="car-2"))
    assert denied is None or not denied.is_sure


def test_f61_plug_times_alone_are_not_enough_and_a_shared_power_edge_makes_them_sure() -> None:
    plugged = (box(-0.1, UNPLUGGED), car(0), box(0.01))
    alone = matched(*plugged)
    assert alone.charger_id == CHARGER
    assert not alone.is_sure
    together = matched(*plugged, car(0.1, CHARGING), box(0.105, CHARGING))
    assert together.is_sure
    assert "power rose or fell together" in together.why


def test_f61_two_boxes_plugged_in_together_stay_unsure_until_power_tells_them_apart() -> None:
    both = (box(-0.1, UNPLUGGED), box(-0.1, UNPLUGGED, device_id=OTHER), box(0, STOPPED), box(0, device_id=OTHER))
    unsure = matched(*both, car(0))
    assert unsure is None or not unsure.is_sure
    told = matched(*both, car(0), car(1, CHARGING), box(1, CHARGING), car(2, STOPPED), box(2, STOPPED))
    assert (told.charger_id, told.is_sure) == (CHARGER, True)


def test_f61_both_boxes_starting_at_once_say_nothing() -> None:
    both = (box(-0.1, UNPLUGGED), box(-0.1, UNPLUGGED, device_id=OTHER), box(0, STOPPED), box(0, device_id=OTHER))
    edges = (car(1, CHARGING), box(1, CHARGING), box(1, CHARGING, device_id=OTHER))
    unsure = matched(*both, car(0), *edges)
    assert unsure is None or not unsure.is_sure


def test_f62_power_at_the_charger_alone_reopens_a_sure_match() -> None:
    before = matched(car(0, paired_with=CHARGER), box(0))
    after = matched(car(0), box(0), box(1, CHARGING), car(1.1, STOPPED), before=before)
    assert after is None or not after.is_sure


def test_f64_the_absence_of_data_changes_no_match() -> None:
    before = matched(car(0, paired_with=CHARGER), box(0))
    silent = matched(car(0), box(0), box(1, is_plugged_in=None, state=PowerDeliveryState.UNKNOWN), before=before)
    assert silent == before


def test_an_empty_socket_or_another_cars_name_ends_a_match() -> None:
    before = matched(car(0, paired_with=CHARGER), box(0))
    assert matched(car(0), box(1, UNPLUGGED), before=before) is None
    assert matched(car(0), box(1, paired_with="car-2"), before=before) is None


def test_f63_equal_cars_are_told_apart_by_their_ids_only() -> None:
    assert matched(car(0), box(0, paired_with="car-2")) is None


def test_f66_the_same_place_counts_as_evidence_but_not_alone() -> None:
    at_home = matched(car(0, location_id="home"), box(0, location_id="home"))
    assert not at_home.is_sure
    assert at_home.why == "at the same place"


def test_the_drivers_answer_is_sure_and_may_be_none_of_these() -> None:
    assert matched(car(0), box(0), named=CHARGER).is_sure
    assert matched(car(0), box(0), named="") is None


def test_f61_a_word_that_power_disproved_needs_evidence_of_its_own() -> None:
    own = traced(traced(Trace(), car(0)), car(0.01, CHARGING))
    assert is_disproved(car(0.1, CHARGING), box(0.05), own)
    assert not is_disproved(car(0.1, CHARGING), box(0.1, CHARGING), own)
    doubted = matched(car(0, paired_with=CHARGER), box(0), doubted=frozenset({CHARGER}))
    assert doubted is None or not doubted.is_sure


def test_edges_are_kept_few_and_forgotten_with_the_plug() -> None:
    trace = Trace()
    for n in range(20):
        trace = traced(trace, box(n, CHARGING if n % 2 else STOPPED))
    assert len(trace.edges) == 6
    assert traced(trace, box(21, UNPLUGGED)).edges == ()
    assert traced(trace, box(21, UNPLUGGED)).plugged_after == at(21)


def test_p11_a_stop_at_a_charger_beside_another_busy_one_needs_power_that_rose_or_fell_at_both_ends_alone() -> None:
    readings = {r.device_id: r for r in (car(2), box(2), box(2, device_id=OTHER))}
    edge = Edge(at=at(1), is_on=True)
    both_ends = {CAR: Trace(edges=(edge,)), CHARGER: Trace(edges=(edge,))}
    assert is_confirmed(CHARGER, CAR, readings, both_ends)
    assert not is_confirmed(CHARGER, CAR, readings, {})
    assert not is_confirmed(CHARGER, CAR, readings, {**both_ends, OTHER: Trace(edges=(edge,))})  # there too
    assert not is_confirmed(CHARGER, CAR, readings, both_ends, since=at(1))  # put in question since
    alone = {key: reading for key, reading in readings.items() if key != OTHER}
    assert is_confirmed(CHARGER, CAR, alone, {})


def test_f66_a_vendors_word_that_pairs_a_car_elsewhere_with_a_charger_at_home_needs_evidence() -> None:
    assert matched(car(0, paired_with=CHARGER, location_id="office"), box(0, location_id="home")) is None
    assert matched(car(0, paired_with=CHARGER, location_id="home"), box(0, location_id="home")).is_sure


def test_p11_f38_a_charger_unlinked_with_a_plug_in_it_may_still_hold_the_car() -> None:
    """A stop at the only charger left could reach the guest's car: with F61 the vendor had swapped the two."""
    readings = {r.device_id: r for r in (car(2), box(2))}
    gone = {OTHER: Trace(plugged_by=at(0))}
    assert not is_confirmed(CHARGER, CAR, readings, gone)
    assert is_confirmed(CHARGER, CAR, readings, {OTHER: Trace(plugged_after=at(0))})  # nothing was in it


def test_f61_a_charger_that_has_not_spoken_since_may_be_the_one_that_was_plugged_in() -> None:
    here = (car(0, location_id="home"), box(-0.1, UNPLUGGED, location_id="home"), box(0.01, location_id="home"))
    assert not matched(box(-0.1, UNPLUGGED, device_id=OTHER), *here).is_sure
    assert matched(*here, box(0.01, UNPLUGGED, device_id=OTHER)).is_sure
    first_word = box(0, device_id=OTHER, location_id="home")  # plugged in, and nobody saw its socket empty
    assert not matched(first_word, *here).is_sure
