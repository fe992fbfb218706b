"""What a kWh costs the driver: market price plus fees, tax on top. Money is Decimal."""

from decimal import Decimal

from pydantic import Field

from domain.model import Model


class Tariff(Model):
    """Spot price plus fixed fees per kWh, value-added tax on the sum."""

    area: str = "NL"  # market area of the spot price
    currency: str = "EUR"
    fees_per_kwh: Decimal = Decimal("0.15")  # taxes and fees, before VAT [currency/kWh]
    vat_fraction: Decimal = Field(default=Decimal("0"), ge=0)

    def all_in(self, market_price_per_kwh: float) -> Decimal:
        """The driver's price [currency/kWh] at a market price [currency/kWh]; exact to 1e-6."""
        market = Decimal(str(round(market_price_per_kwh, 6)))
        return (market + self.fees_per_kwh) * (1 + self.vat_fraction)
