"""Who calls, and what they may do: API keys of a program's backend, and short-lived signed links of one driver."""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import uuid4

from pydantic import SecretStr, ValidationError

from domain.model import Instant, Model
from gateway.api.problems import Refused
from storage.tenants import KeyRecord, Tenants

KEY_PREFIX, LINK_PREFIX = "nck", "ncl"

LINK_LIVES = timedelta(minutes=15)
LONGEST_LINK = timedelta(hours=12)

LEAST_SECRET = 32
"""Characters of the gateway's secret; a shorter one could be guessed from a single link."""


class Scope(StrEnum):
    """What a key may do."""

    READ = "read"  # everything of the program's drivers, one by one
    ACT = "act"  # start drivers, do their actions, give them links
    EXPORT = "export"  # many drivers at once
    ADMIN = "admin"  # keys, hooks, the audit
    PUBLISH = "publish"  # change the program's rules
    APPROVE = "approve"  # be the second person for more switching than one may do


class Principal(Model):
    """Who calls."""

    program: str
    actor: str  # "key:<id>" or "link:<driver id>": stands in the audit
    scopes: frozenset[str]
    driver_id: str | None = None  # a link opens one driver only

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes


class _Link(Model):
    """What a link says, readable by whoever holds it."""

    p: str  # program
    d: str  # driver
    e: int  # end of life [Unix seconds]


class Access:
    """Makes and checks keys and links."""

    def __init__(self, tenants: Tenants, secret: SecretStr) -> None:
        if len(secret.get_secret_value()) < LEAST_SECRET:
            raise ValueError(f"the gateway's secret needs at least {LEAST_SECRET} characters")
        self._tenants = tenants
        self._secret = secret.get_secret_value().encode()

    async def principal(self, bearer: str, now: datetime) -> Principal:
        """Who holds this bearer token.

        Raises:
            Refused: nobody we know (401). Which part of it is wrong is not told.
        """
        prefix = bearer[:3]
        found = await self._by_key(bearer, now) if prefix == KEY_PREFIX else None
        found = self._by_link(bearer, now) if prefix == LINK_PREFIX else found
        if found is None:
            raise unauthorized()
        return found

    def link(self, program: str, driver_id: str, expires_at: datetime) -> str:
        """A signed token that opens this driver until then."""
        said = _Link(p=program, d=driver_id, e=int(expires_at.timestamp()))
        payload = base64.urlsafe_b64encode(said.model_dump_json().encode()).rstrip(b"=").decode()
        return f"{LINK_PREFIX}_{payload}.{self.sign('link', payload)}"

    def sign(self, purpose: str, text: str) -> str:
        """A signature that only this installation can make; the purpose keeps one kind from passing as another."""
        return hmac.new(self._secret, f"{purpose}:{text}".encode(), hashlib.sha256).hexdigest()

    async def _by_key(self, bearer: str, now: datetime) -> Principal | None:
        _, _, rest = bearer.partition("_")
        key_id, _, secret = rest.partition("_")
        key = await self._tenants.key(key_id) if key_id.isalnum() and key_id.isascii() else None
        is_right = hmac.compare_digest(_digest(secret), key.digest if key else _digest(""))
        if key is None or not is_right or not key.is_valid(now):
            return None
        return Principal(program=key.program, actor=f"key:{key.id}", scopes=key.scopes)

    def _by_link(self, bearer: str, now: datetime) -> Principal | None:
        payload, _, signature = bearer[len(LINK_PREFIX) + 1 :].partition(".")
        if not hmac.compare_digest(signature.encode(), self.sign("link", payload).encode()):
            return None
        try:
            said = _Link.model_validate(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))
        except (ValueError, binascii.Error, ValidationError):
            return None
        if now.timestamp() >= said.e:
            return None
        scopes = frozenset({Scope.READ, Scope.ACT})
        return Principal(program=said.p, actor=f"link:{said.d}", scopes=scopes, driver_id=said.d)


def new_key(
    program: str, label: str, scopes: frozenset[Scope], now: datetime, expires_at: datetime | None = None
) -> tuple[KeyRecord, SecretStr]:
    """A new key: what is stored, and the token that is shown once."""
    key_id, secret = uuid4().hex[:16], secrets.token_urlsafe(32)
    record = KeyRecord(
        id=key_id,
        program=program,
        label=label,
        scopes=frozenset(scope.value for scope in scopes),
        digest=_digest(secret),
        created_at=now,
        expires_at=expires_at,
    )
    return record, SecretStr(f"{KEY_PREFIX}_{key_id}_{secret}")


def unauthorized() -> Refused:
    return Refused(401, "unauthorized", "a valid bearer token is needed", headers={"WWW-Authenticate": "Bearer"})


def _digest(secret: str) -> str:
    """A plain hash is enough: the secret is 256 random bits, nothing can be guessed from a list."""
    return hashlib.sha256(secret.encode()).hexdigest()


class DriverLink(Model):
    """A link for one driver, to be handed to the driver's browser and nobody else."""

    token: str
    url: str
    expires_at: Instant
