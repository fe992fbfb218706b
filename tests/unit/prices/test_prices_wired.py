"""Where the worker asks for prices, by its settings."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

import cli
from domain.prices import PriceSeries, PriceSlot
from providers.prices.entsoe import EntsoePrices
from providers.prices.file import FilePrices
from settings import Settings
from storage.prices import SqlPrices
from worker import ports_from

HOUR = timedelta(hours=1)
EVENING = datetime(2022, 12, 14, 18, tzinfo=UTC)


def settings(tmp_path: Path, token: str = "") -> Settings:
    return Settings(
        database_url=f"sqlite:///{tmp_path}/store.db",
        enode_client_id="client",
        enode_client_secret=SecretStr("secret"),
        entsoe_token=SecretStr(token),
    )


async def test_with_a_token_the_market_is_entsoe_else_the_file(tmp_path: Path) -> None:
    async with ports_from(settings(tmp_path)) as ports:
        assert isinstance(ports.market, FilePrices)
    async with ports_from(settings(tmp_path, token="a-token")) as ports:
        assert isinstance(ports.market, EntsoePrices)


async def test_plans_and_accounts_read_the_store_first_and_the_file_for_the_rest(tmp_path: Path) -> None:
    async with ports_from(settings(tmp_path)) as ports:
        slot = PriceSlot(starts_at=EVENING, ends_at=EVENING + HOUR, price_per_kwh=0.01)
        await SqlPrices(ports.store.database).keep_prices(
            PriceSeries(area="NL", source="market", slots=(slot,)), EVENING
        )
        series = await ports.prices.prices("NL", EVENING, EVENING + 2 * HOUR)
    assert [slot.price_per_kwh for slot in series.slots] == [0.01, 0.4879]
    assert series.source.startswith("market; ")


def test_a_worker_without_its_price_file_says_so_in_a_line_and_ends_with_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def run(_: Settings) -> None:  # as the worker does once it reached Temporal
        async with ports_from(settings(tmp_path).model_copy(update={"prices_file": tmp_path / "missing.csv"})):
            raise AssertionError("not reached")

    monkeypatch.setattr("worker.run", run)
    monkeypatch.setattr("sys.argv", ["nightcharge", "worker"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    told = f"nightcharge worker: price file {tmp_path / 'missing.csv'}: No such file or directory\n"
    assert capsys.readouterr().err == told
