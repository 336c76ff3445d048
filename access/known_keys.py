"""The keys that a gateway knows: no request of a known key waits for the database."""

from collections import OrderedDict
from datetime import datetime

from access.api_key import ApiKey
from access.key_text import cut_key_id, fingerprint, hash_key
from access.principal import Principal

# Some 2 KB each.
MAX_KEYS = 10_000


class KnownKeys:
    """Keys by their ids, those that were not used for longest dropped first."""

    def __init__(self, size: int = MAX_KEYS) -> None:
        self._size = size
        self._keys: OrderedDict[str, tuple[ApiKey, dict[str, Principal]]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, key_id: str) -> ApiKey | None:
        """Return the key as it was told last, revoked or not."""
        known = self._keys.get(key_id)
        if known is None:
            return None
        self._keys.move_to_end(key_id)
        return known[0]

    def find_principal(self, text: str) -> Principal | None:
        """Return the principal of a key, expired or not; `None` for all else.

        The hash decides: a text of another form has none that is known.
        """
        key_id = cut_key_id(text)
        known = self._keys.get(key_id)
        if known is None:
            return None
        self._keys.move_to_end(key_id)
        return known[1].get(fingerprint(hash_key(text)))

    def renew(self, principal: Principal) -> Principal | None:
        """Return the principal as its key is now; `None` if it ended or the key is not known."""
        key_id, credential = principal.key_id, principal.credential
        if key_id is None or credential is None or (known := self._keys.get(key_id)) is None:
            return None
        self._keys.move_to_end(key_id)
        return known[1].get(credential)

    def find_secret(self, key_id: str, credential: str) -> Principal | None:
        """Return the principal of a secret by its fingerprint, expired or not."""
        known = self._keys.get(key_id)
        return None if known is None else known[1].get(credential)

    def put(self, key: ApiKey) -> bool:
        """Keep a key as it is now, unless this or a later change is known. Return whether."""
        known = self._keys.get(key.id)
        if known is not None and known[0].revision >= key.revision:
            return False
        self._keys[key.id] = key, key.principals()
        self._keys.move_to_end(key.id)
        if len(self._keys) > self._size:
            self._keys.popitem(last=False)
        return True

    def clear(self) -> None:
        """Forget all keys."""
        self._keys.clear()


def is_current(principal: Principal, now: datetime) -> bool:
    """Tell whether a principal has not expired."""
    return principal.expires_at is None or now < principal.expires_at
