"""API keys that a CoinGecko host accepts [exchanges.md 2.1]. Pure."""

from collections.abc import Collection, Mapping
from typing import Literal

from simulator.coingecko.errors import coded

Host = Literal["public", "pro"]
_KINDS = {"public": "demo", "pro": "pro"}
_OTHER_KIND_MESSAGES = {
    "public": (
        10010,
        "If you are using Pro API key, please change your root URL from api.coingecko.com to pro-api.coingecko.com",
    ),
    "pro": (
        10011,
        "If you are using Demo API key, please change your root URL from pro-api.coingecko.com to api.coingecko.com",
    ),
}


class ApiKeys:
    """The keys of one host; without any, every key of the right kind is accepted."""

    def __init__(self, host: Host, accepted: Collection[str]) -> None:
        self._host: Host = host
        self._accepted = frozenset(accepted)

    def check(self, headers: Mapping[str, str], query: Mapping[str, str], now_ns: int) -> str | None:
        """Return the key of a call; None if it needs none.

        Raises:
            CoinGeckoError: 400 for a key of the other kind, 401 for a missing or unknown one.
        """
        kind = _KINDS[self._host]
        other = "pro" if kind == "demo" else "demo"
        if _key(headers, query, other):
            code, message = _OTHER_KIND_MESSAGES[self._host]
            raise coded(400, code, message, now_ns)
        key = _key(headers, query, kind)
        if key is None and (self._accepted or self._host == "pro"):
            raise coded(401, 10002, "API Key Missing", now_ns)
        if key is not None and self._accepted and key not in self._accepted:
            raise coded(401, 10002, "Invalid API Key", now_ns)
        return key


def _key(headers: Mapping[str, str], query: Mapping[str, str], kind: str) -> str | None:
    return headers.get(f"x-cg-{kind}-api-key") or query.get(f"x_cg_{kind}_api_key") or None
