"""The catalogue of interventions: what a person must do before a blocked capability returns. Client-independent."""

from simulator.registry import Ids, Json


def _entry(
    key: str,
    vendor: str | None,
    kind: str | None,
    domain: str,
    title: str,
    description: str,
    *,
    access: str = "Remote",
    agent: str = "User",
    action: str | None = None,
) -> Json:
    return {
        "id": Ids.named("intervention", key),
        "vendor": vendor,
        "vendorType": kind,
        "brand": None if vendor is None else vendor.title(),
        "introducedAt": "2023-03-16T00:00:00Z",
        "domain": domain,
        "resolution": {
            "title": title,
            "description": description,
            "access": access,
            "agent": agent,
            "action": action,
        },
    }


RELINK = "relink"

CATALOGUE: dict[str, Json] = {
    RELINK: _entry(
        RELINK,
        None,
        None,
        "Account",
        "Connect the account again",
        "The connection to the account has expired. Sign in **again** to restore it.",
        action="Link",
    ),
    "audi-terms": _entry(
        "audi-terms",
        "AUDI",
        "vehicle",
        "Account",
        "Accept the terms of service",
        "Open the maker's app and accept the updated *terms of service*.",
    ),
    "tesla-phone-key": _entry(
        "tesla-phone-key",
        "TESLA",
        "vehicle",
        "Device",
        "Add the phone key",
        "Sit in the car with the key card and add this service as a *phone key*.",
        access="Physical",
        action="Link",
    ),
    "volkswagen-software": _entry(
        "volkswagen-software",
        "VOLKSWAGEN",
        "vehicle",
        "Device",
        "Update the car's software",
        "A service partner must install a newer software version.",
        access="Physical",
        agent="ThirdParty",
    ),
    "zaptec-authorisation": _entry(
        "zaptec-authorisation",
        "ZAPTEC",
        "charger",
        "Device",
        "Turn authorisation off",
        "In the charger's portal turn **authorisation** off, so that charging can be started from afar.",
    ),
}


def intervention_id(key_or_id: str) -> str:
    """The catalogue id for a key; an id passes unchanged."""
    entry = CATALOGUE.get(key_or_id)
    return key_or_id if entry is None else str(entry["id"])


def listed(vendor: str | None = None, kind: str | None = None) -> list[Json]:
    """The catalogue, narrowed to a vendor, a vendor type, or both."""
    return [
        entry
        for entry in CATALOGUE.values()
        if (vendor is None or entry["vendor"] == vendor) and (kind is None or entry["vendorType"] == kind)
    ]
