"""Vendors the platform knows, as closed sets: the vendor's own SDK fails on any other."""

_VEHICLES = (
    "ACURA AUDI BMW HONDA HYUNDAI JAGUAR LANDROVER KIA MERCEDES MINI NISSAN PEUGEOT PORSCHE RENAULT SEAT SKODA TESLA "
    "VOLKSWAGEN VOLVO FORD OPEL DS TOYOTA LEXUS CITROEN CUPRA VAUXHALL FIAT RIVIAN NIO CHEVROLET GMC CADILLAC XPENG "
    "POLESTAR SUBARU JEEP MAZDA MG CHRYSLER DODGE RAM ALFAROMEO LANCIA LUCID BYD DACIA ALPINE"
)

_CHARGERS = (
    "ZAPTEC EASEE WALLBOX EO CHARGEAMPS EVBOX GOE CHARGEPOINT ENELX TESLA OHME GARO SCHNEIDER PODPOINT KEBA HYPERVOLT "
    "MYENERGI HEIDELBERG"
)

VEHICLE_VENDORS = frozenset(_VEHICLES.split())
CHARGER_VENDORS = frozenset(_CHARGERS.split())

OTHER_KINDS = ("hvac", "inverter", "battery", "meter")
"""Asset types of the platform that have no devices here."""

KINDS = ("vehicle", "charger", *OTHER_KINDS)


def vendors_of(kind: str) -> frozenset[str]:
    """The vendors of a kind of asset; empty for kinds that have no devices here."""
    return {"vehicle": VEHICLE_VENDORS, "charger": CHARGER_VENDORS}.get(kind, frozenset())
