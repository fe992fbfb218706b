"""What operators filter by in the Temporal UI. Registered by `nightcharge` and by the deployment scripts."""

from datetime import datetime

from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from domain.driver.state import DriverLabels
from domain.session.state import Labels

PROGRAM = SearchAttributeKey.for_keyword("Program")
STAGE = SearchAttributeKey.for_keyword("Stage")
ROUTE = SearchAttributeKey.for_keyword("Route")
BRAND = SearchAttributeKey.for_keyword("Brand")
DEPARTS_AT = SearchAttributeKey.for_datetime("DepartsAt")
READY = SearchAttributeKey.for_bool("Ready")

ALL = (PROGRAM, STAGE, ROUTE, BRAND, DEPARTS_AT, READY)


def for_driver(program: str, labels: DriverLabels) -> TypedSearchAttributes:
    """The attributes a driver starts with."""
    return TypedSearchAttributes(
        [
            SearchAttributePair(PROGRAM, program),
            SearchAttributePair(STAGE, labels.stage),
            SearchAttributePair(BRAND, labels.brand),
        ]
    )


def for_session(program: str, brand: str | None, labels: Labels, departs_at: datetime) -> TypedSearchAttributes:
    """The attributes a session starts with; free of charge at the start."""
    return TypedSearchAttributes(
        [
            SearchAttributePair(PROGRAM, program),
            SearchAttributePair(BRAND, brand or "unknown"),
            SearchAttributePair(STAGE, labels.stage),
            SearchAttributePair(ROUTE, labels.route),
            SearchAttributePair(DEPARTS_AT, departs_at),
            SearchAttributePair(READY, labels.is_ready),
        ]
    )
