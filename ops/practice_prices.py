"""Prices for an installation without a market: those that ship with the product, moved to today by whole weeks.

Weekdays and seasons stay where they are; only the year is another.
"""

import csv
from datetime import datetime, timedelta
from io import StringIO

from providers.prices.file import PACKAGED

YEAR = timedelta(weeks=52)


def practice_prices(now: datetime) -> str:
    """CSV as the product reads it, from the beginning of this year of 52 weeks to the end of the next."""
    head, *rows = csv.reader(PACKAGED.read_text("utf-8").splitlines())
    known = [(datetime.fromisoformat(starts_at), price) for starts_at, price in rows]
    begins_at = known[0][0]
    copies = range((now - begins_at) // YEAR, (now - begins_at) // YEAR + 2)
    moved = [(at + n * YEAR, price) for n in copies for at, price in known if at < begins_at + YEAR]
    sink = StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(head)
    writer.writerows((f"{at:%Y-%m-%dT%H:%M:%SZ}", price) for at, price in moved)
    return sink.getvalue()
