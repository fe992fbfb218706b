"""How to reach Enode. Values come from the composition root; nothing here reads the environment."""

from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from providers.traffic import GateRules

PRODUCTION_URL = "https://enode-api.production.enode.io"
PRODUCTION_TOKEN_URL = "https://oauth.production.enode.io/oauth2/token"
SANDBOX_URL = "https://enode-api.sandbox.enode.io"
SANDBOX_TOKEN_URL = "https://oauth.sandbox.enode.io/oauth2/token"
API_VERSION = "2024-10-01"

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class EnodeSettings(BaseModel):
    """One Enode client (id and secret belong to one environment) and the limits on talking to it.

    Seconds here are real seconds of real work: they do not shrink when a demo's clock runs fast.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    client_id: str = Field(min_length=1)
    client_secret: SecretStr
    base_url: str = PRODUCTION_URL
    token_url: str = PRODUCTION_TOKEN_URL
    api_version: str | None = API_VERSION  # sent as Enode-Version; None: the client's default version
    identity_salt: SecretStr | None = None  # keys digests of VINs and serials; keep it for ever; None: no digests
    allow_plain_http: bool = False  # for hosts other than loopback, e.g. a simulator in a private network

    connect_timeout_seconds: float = Field(default=5, gt=0)
    read_timeout_seconds: float = Field(default=20, gt=0)
    pool_timeout_seconds: float = Field(default=10, gt=0)
    call_timeout_seconds: float = Field(default=30, gt=0)  # one call in all, body included
    max_connections: int = Field(default=60, ge=1)  # a little above the places of `traffic`, so that it never binds
    max_reply_bytes: int = Field(default=10_000_000, ge=1)

    traffic: GateRules = Field(default_factory=GateRules)  # in world time; per process

    page_size: int = Field(default=50, ge=1)  # Enode's default; its maximum is not documented
    max_pages: int = Field(default=10_000, ge=1)  # a list longer than this is taken for a loop

    @model_validator(mode="after")
    def _keeps_secrets_off_the_wire(self) -> Self:
        for url in (self.base_url, self.token_url):
            parts = urlsplit(url)
            is_private = parts.hostname in _LOOPBACK or self.allow_plain_http
            if parts.scheme != "https" and not (parts.scheme == "http" and is_private):
                raise ValueError("Enode is reached by https; http is for loopback, or with allow_plain_http")
            if not parts.hostname or parts.username or parts.password or parts.query or parts.fragment:
                raise ValueError("an Enode address is scheme, host, port and path, without credentials or query")
        return self
