"""Tables of the market's prices: what holds now, what arrived when, and what sessions were told of."""

from datetime import datetime

from sqlalchemy import Text
from sqlmodel import Field, SQLModel

from storage.tables import UtcDateTime


class PriceRow(SQLModel, table=True):
    """One price as it holds now."""

    __tablename__ = "price"

    area: str = Field(primary_key=True)
    starts_at: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    ends_at: datetime = Field(sa_type=UtcDateTime)
    price_per_kwh: float  # [currency/kWh], before taxes and fees
    currency: str
    source: str


class PriceArrivalRow(SQLModel, table=True):
    """A series as it came, with its validation report; kept when its prices are replaced."""

    __tablename__ = "price_arrival"

    area: str = Field(primary_key=True)
    digest: str = Field(primary_key=True)  # of the slots: the same prices fetched again are no new arrival
    received_at: datetime = Field(sa_type=UtcDateTime)
    series_json: str = Field(sa_type=Text)


class PriceToldRow(SQLModel, table=True):
    """The publication of a delivery day that sessions were told of last."""

    __tablename__ = "price_told"

    area: str = Field(primary_key=True)
    on: str = Field(primary_key=True)  # ISO date
    digest: str
    told_at: datetime = Field(sa_type=UtcDateTime)
