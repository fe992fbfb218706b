"""What a round of events about one device comes to."""

from datetime import timedelta

import pytest
from support.factories import EVENING, make_device, make_reading

from domain.devices import Device, PowerDeliveryState
from domain.inbox import Known
from domain.news import News, Sighting, news_of
from domain.relevance import Watch

WATCH = Watch(session_id="car-1:1", driver_id="driver-1", device_ids=("car-1", "charger-1"))
IDLE, FLOWING, AWAY = PowerDeliveryState.STOPPED, PowerDeliveryState.CHARGING, PowerDeliveryState.UNPLUGGED


def seen(minute: float, state: PowerDeliveryState = IDLE) -> Sighting:
    at = EVENING + timedelta(minutes=minute)
    reading = make_reading(state=state, hours=minute / 60)
    return Sighting(device=make_device(reading=reading), at=at)


def gone(minute: float) -> Sighting:
    return Sighting(device=make_device(), at=EVENING + timedelta(minutes=minute), is_gone=True)


def known(minute: float | None = 0, state: PowerDeliveryState = IDLE, *, listens: bool = True) -> Known:
    device = seen(minute, state).device if minute is not None else None
    return Known(device=device, watch=WATCH if listens else None)


def minutes(news: News) -> list[float]:
    """Of the readings that the session hears."""
    told = [reading.observed_at for reading in news.to_session]
    return [(at - EVENING) / timedelta(minutes=1) for at in told if at is not None]


def picture(news: News) -> Device:
    assert news.picture is not None
    return news.picture


def test_burst_about_one_device_is_heard_as_one() -> None:
    """F42: fifty times the usual rate."""
    burst = [seen(n, FLOWING if n % 2 else IDLE) for n in range(1, 50)]
    news = news_of(known(), burst)
    assert minutes(news) == [49]
    assert picture(news) == burst[-1].device


def test_what_does_not_matter_is_kept_and_told_to_nobody() -> None:
    news = news_of(known(), [seen(1), seen(2)])
    assert not news.is_telling
    assert picture(news) == seen(2).device


def test_the_last_that_matters_is_told_not_the_plain_one_after_it() -> None:
    assert minutes(news_of(known(), [seen(1, FLOWING), seen(2, FLOWING)])) == [1]


def test_order_of_arrival_does_not_matter() -> None:
    """F40."""
    events = [seen(1, FLOWING), seen(2), seen(3, FLOWING), seen(4, FLOWING)]
    assert news_of(known(), events[::-1]) == news_of(known(), events)


def test_car_unplugged_and_plugged_again_in_one_round_is_heard_as_both() -> None:
    """Else the session would go on over a drive that it never heard of."""
    assert minutes(news_of(known(), [seen(1, FLOWING), seen(2, AWAY), seen(3, IDLE), seen(4, IDLE)])) == [2, 3]


def test_old_observation_is_no_news() -> None:
    """F40: days old, whether it comes alone or beside newer ones."""
    assert news_of(known(), [seen(-4000, AWAY)]) == News()
    assert minutes(news_of(known(), [seen(-4000, AWAY), seen(5, FLOWING)])) == [5]


def test_vanished_device_is_gone_and_its_pictures_are_not_news() -> None:
    news = news_of(known(), [seen(1, FLOWING), gone(2)])
    assert news == News(gone_at=gone(2).at)


def test_late_picture_does_not_bring_a_vanished_device_back() -> None:
    state = Known(gone_at=gone(5).at, watch=WATCH)
    assert news_of(state, [seen(4, FLOWING)]) == News()
    assert picture(news_of(state, [seen(6)])) == seen(6).device


def test_old_word_that_a_device_vanished_does_not_outweigh_a_newer_picture() -> None:
    """F40, F43: a replayed deletion takes nothing away."""
    assert news_of(known(10), [gone(5)]) == News()


def test_device_linked_again_is_back() -> None:
    news = news_of(known(listens=False), [gone(1), seen(2)])
    assert news.gone_at is None
    assert news.to_driver == (seen(2).device,)


@pytest.mark.parametrize("listens", [True, False])
def test_plug_is_told_to_whoever_listens(listens: bool) -> None:
    news = news_of(known(state=AWAY, listens=listens), [seen(1)])
    assert (len(news.to_session), len(news.to_driver)) == ((1, 0) if listens else (0, 1))
