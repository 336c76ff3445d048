"""The context of the admin schema: keys, and the clients of this process."""

from typing import NamedTuple

import strawberry

from access.key_admin import KeyAdmin
from access.known_keys import KnownKeys
from gateway.budgets.client_activity import ClientActivity


class AdminContext(NamedTuple):
    """Keys in the name of the sender; clients of this process, and the keys that it knows."""

    keys: KeyAdmin
    activity: ClientActivity
    known_keys: KnownKeys


AdminInfo = strawberry.Info[AdminContext, None]
