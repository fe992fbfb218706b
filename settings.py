"""Settings of the processes, from the environment (`NIGHTCHARGE_...`) or a `.env` file.

Where Temporal is comes from Temporal's own environment profile (`TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, ...).
"""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.clock import Clock


class Settings(BaseSettings):
    """What a process needs to know of its surroundings."""

    model_config = SettingsConfigDict(env_prefix="NIGHTCHARGE_", env_file=".env", extra="ignore")

    database_url: str = "sqlite:///nightcharge.db"
    prices_file: Path | None = None  # None: the Dutch day-ahead prices that ship with the package
    entsoe_token: SecretStr = SecretStr("")  # with it, prices are fetched every day (needs the extra `entsoe`)
    price_areas: tuple[str, ...] = ("NL",)  # market areas to fetch, in ENTSO-E's names; JSON in the environment

    enode_base_url: str = "https://enode-api.production.enode.io"
    enode_token_url: str = "https://oauth.production.enode.io/oauth2/token"
    enode_allow_plain_http: bool = False  # for a simulator in a private network
    enode_client_id: str = ""
    enode_client_secret: SecretStr = SecretStr("")
    enode_calls_a_day: int = Field(default=3000, ge=20)  # to one vendor account, from this process
    webhook_secret: SecretStr = SecretStr("")
    identity_salt: SecretStr = SecretStr("")

    gateway_host: str = "127.0.0.1"
    gateway_port: int = 8000
    gateway_secret: SecretStr = SecretStr("")  # signs links and hooks; empty: no API, only webhooks in
    public_url: str = ""  # where drivers' browsers reach the gateway
    most_switched_kw: float = 5_000.0  # a program's keys switch no more in a minute without a second person [kW]
    hooks_in_private_network: bool = False  # send news also by http and to private addresses: never in production
    gateway_url: str = ""  # where the vendor reaches the gateway; empty: somebody else keeps the webhook

    temporal_ui_url: str = ""  # where operators' browsers reach the Temporal UI; empty: no links to it

    clock: Clock = Clock()  # world time; the identity outside demos and tests
