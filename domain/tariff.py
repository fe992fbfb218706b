"""What a kWh costs the driver: market price plus fees, tax on top. Money is Decimal."""

from decimal import Decimal

from pydantic import Field

from domain.model import Request

PRICE_STEP = Decimal("0.000001")


class Tariff(Request):
    """Spot price plus fixed fees per kWh, value-added tax on the sum."""

    area: str = "NL"  # market area of the spot price
    currency: str = "EUR"
    fees_per_kwh: Decimal = Decimal("0.15")  # taxes and fees, before VAT [currency/kWh]
    vat_fraction: Decimal = Field(default=Decimal("0"), ge=0)

    def all_in(self, market_price_per_kwh: float) -> Decimal:
        """The driver's price [currency/kWh] at a market price [currency/kWh], rounded to 1e-6, half to even.

        A negative sum bears negative tax: the supplier settles what it is paid as it does what it charges.
        """
        market = Decimal(str(round(market_price_per_kwh, 9)))
        return ((market + self.fees_per_kwh) * (1 + self.vat_fraction)).quantize(PRICE_STEP)
