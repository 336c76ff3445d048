"""A key as it is stored, and the principals of its secrets. Plain values."""

import re
from collections.abc import Collection
from datetime import datetime

import msgspec

from access.key_text import fingerprint
from access.principal import Principal
from access.scope import AccessScope
from rates.errors import InvalidArgument

STANDARD_PLAN = "standard"
MAX_NAME, MAX_ORIGINS = 100, 50
_PLAN = re.compile(r"[a-z][a-z0-9_-]{0,39}", re.ASCII)
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@\s]+", re.ASCII)


class KeySecret(msgspec.Struct, frozen=True, kw_only=True):
    """One secret of a key: its hash. `beginning` is what may be shown of the text.

    `ends_at`: the end of the overlap, after the key was rotated.
    """

    digest: bytes
    beginning: str
    created_at: datetime
    ends_at: datetime | None = None


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key of the API. `revision` is that of its last change."""

    id: str
    name: str
    plan: str
    scopes: frozenset[AccessScope]
    origins: frozenset[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    revision: int
    secrets: tuple[KeySecret, ...]

    def principals(self) -> dict[str, Principal]:
        """Return the principal of each secret by its fingerprint; none of a revoked key."""
        if self.revoked_at is not None:
            return {}
        return {
            fingerprint(secret.digest): Principal(
                key_id=self.id,
                name=self.name,
                plan=self.plan,
                scopes=self.scopes,
                origins=self.origins,
                expires_at=_earliest(self.expires_at, secret.ends_at),
                credential=fingerprint(secret.digest),
                is_revocable=True,
            )
            for secret in self.secrets
        }


class KeySpec(msgspec.Struct, frozen=True, kw_only=True):
    """The properties of a new key."""

    name: str
    plan: str = STANDARD_PLAN
    scopes: frozenset[AccessScope] = frozenset({AccessScope.READ, AccessScope.HISTORY})
    origins: frozenset[str] = frozenset()
    expires_at: datetime | None = None

    def check(self, now: datetime) -> None:
        """Check each part.

        Raises:
            InvalidArgument: names the part, what was seen and what was expected.
        """
        name = self.name
        if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
            raise InvalidArgument("name", name, f"1 to {MAX_NAME} printable characters")
        if not _PLAN.fullmatch(self.plan):
            raise InvalidArgument("plan", self.plan, "the name of a plan: a to z, 0 to 9, - and _")
        if not self.scopes:
            raise InvalidArgument.of_length("scopes", 0, "one or more of read, history, admin")
        _check_origins(self.origins)
        if self.expires_at is not None and self.expires_at <= now:
            raise InvalidArgument("expires", self.expires_at.isoformat(), f"a time after {now.isoformat()}")


class CreatedKey(msgspec.Struct, frozen=True):
    """A key that was created or rotated, with its text, which nobody has later."""

    key: ApiKey
    text: str

    def __repr__(self) -> str:
        return f"CreatedKey({self.key.id})"


class AdminAction(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the audit log: who did what, when. It never has a secret."""

    id: int
    at: datetime
    actor: str
    action: str
    key_id: str | None
    detail: str


def _check_origins(origins: Collection[str]) -> None:
    if len(origins) > MAX_ORIGINS:
        raise InvalidArgument.of_length("origins", len(origins), f"at most {MAX_ORIGINS}")
    for origin in origins:
        if not _ORIGIN.fullmatch(origin) or len(origin) > MAX_NAME * 2:
            raise InvalidArgument("origins", origin, "scheme://host[:port] without a path")


def _earliest(*times: datetime | None) -> datetime | None:
    return min([each for each in times if each is not None], default=None)
