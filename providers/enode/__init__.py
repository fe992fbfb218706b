"""The Enode adapter: cars and chargers of many vendors behind one HTTP API (version 2024-10-01)."""

from providers.enode.client import EnodeClient
from providers.enode.hooks import Webhooks
from providers.enode.mapping import WireMapping
from providers.enode.provider import EnodeProvider, VendorHealth
from providers.enode.settings import EnodeSettings
from providers.enode.webhooks import parse_delivery, verify

__all__ = [
    "EnodeClient",
    "EnodeProvider",
    "EnodeSettings",
    "VendorHealth",
    "Webhooks",
    "WireMapping",
    "parse_delivery",
    "verify",
]
