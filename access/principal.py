"""The sender of a request: a key, a token of an identity provider, or anybody."""

from datetime import datetime

import msgspec

from access.plan import ANONYMOUS as ANONYMOUS_PLAN
from access.scope import AccessScope

ANONYMOUS_NAME = "anonymous"


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """The sender of a request, as every request and connection carries it.

    `key_id` stays the same when a key is rotated; it is `None` for anonymous. `plan` is the name of the plan that limits it.
    `origins`: the pages that may use the key, as `scheme://host[:port]`; empty for all. `expires_at`: when it ends at the latest,
    `None` for never. `credential` tells the secrets of one key apart: a part of the hash. `is_revocable`: a key of the database, which can end at any time; tokens of identity providers only expire.
    """

    key_id: str | None
    name: str
    plan: str
    scopes: frozenset[AccessScope]
    origins: frozenset[str] = frozenset()
    expires_at: datetime | None = None
    credential: str | None = None
    is_revocable: bool = False

    @property
    def is_anonymous(self) -> bool:
        """Whether the request came without a key."""
        return self.key_id is None

    def allows(self, scope: AccessScope) -> bool:
        """Whether it has the scope."""
        return scope in self.scopes


ANONYMOUS = Principal(
    key_id=None,
    name=ANONYMOUS_NAME,
    plan=ANONYMOUS_PLAN,
    scopes=frozenset({AccessScope.READ, AccessScope.HISTORY}),
)
"""Everybody without a key."""
