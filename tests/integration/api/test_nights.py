"""Nights over REST: pages, accounts, records, CSV."""

import csv
import io

import httpx
import pytest
from support.two_programs import House, make_account

from gateway.api.nights import harmless


async def test_nights_come_newest_first_and_page_by_page(house: House, http: httpx.AsyncClient) -> None:
    path, numbers, cursor = f"/v1/drivers/{house.alpha.driver}/nights", [], None
    while True:
        params = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        page = (await http.get(path, params=params, headers=house.alpha.bearer)).json()
        numbers += [night["number"] for night in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert numbers == [1, 2, 3]


async def test_an_account_adds_up_and_its_record_can_be_read(house: House, http: httpx.AsyncClient) -> None:
    path = f"/v1/drivers/{house.alpha.driver}/sessions/alpha-car:0/nights/1"
    account = (await http.get(path, headers=house.alpha.bearer)).json()
    assert account["saving"] == "3.000000"
    assert account["slots"][0]["price_per_kwh"] == "0.2"
    log = (await http.get(f"{path}/log", headers=house.alpha.bearer)).json()
    assert log["items"][0]["name"] == "time_reached"


@pytest.mark.parametrize("cursor", ["x", "bnVsbA", "e30", "W10", "!!", "eyJkZXBhcnRzX2F0IjogMX0"])
async def test_a_cursor_that_is_none_of_ours_is_refused(house: House, http: httpx.AsyncClient, cursor: str) -> None:
    for path in ("/v1/nights", f"/v1/drivers/{house.alpha.driver}/nights"):
        assert (await http.get(path, params={"cursor": cursor}, headers=house.alpha.bearer)).status_code == 422


async def test_the_export_holds_the_programs_nights_and_no_others(house: House, http: httpx.AsyncClient) -> None:
    answer = await http.get("/v1/exports/nights.csv", headers=house.alpha.bearer)
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["session_id"] for row in rows] == ["alpha-car:0"] * 3
    assert rows[0]["saving"] == "3.000000"
    none = await http.get("/v1/exports/nights.csv?since=2030-01-01T00:00:00Z", headers=house.alpha.bearer)
    assert list(csv.DictReader(io.StringIO(none.text))) == []


async def test_a_long_export_is_written_page_by_page(
    house: House, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.api.nights.CSV_PAGE", 2)
    for number in range(4, 8):
        await house.services.store.save_night(make_account(house.alpha.driver, "alpha-car:0", number), [])
    rows = list(
        csv.DictReader(io.StringIO((await http.get("/v1/exports/nights.csv", headers=house.alpha.bearer)).text))
    )
    assert [int(row["number"]) for row in rows] == list(range(1, 8))


@pytest.mark.parametrize(
    ("value", "written"),
    [("=HYPERLINK(1)", "'=HYPERLINK(1)"), ("@x", "'@x"), ("-1.5", "-1.5"), ("-x", "'-x"), ("fine", "fine"), (-3, -3)],
)
def test_no_cell_is_a_formula(value: object, written: object) -> None:
    assert harmless(value) == written
