"""Host, key header, update interval and call limit of each plan. Source: CoinGecko's docs."""

from datetime import timedelta
from urllib.parse import urlsplit

from pipeline.sources.coingecko.settings import CoinGeckoSettings, Plan
from rates.errors import InvalidSetting

HOSTS: dict[Plan, str] = {
    "keyless": "https://api.coingecko.com/api/v3",
    "demo": "https://api.coingecko.com/api/v3",
    "pro": "https://pro-api.coingecko.com/api/v3",
}
KEY_HEADERS: dict[Plan, str] = {"demo": "x-cg-demo-api-key", "pro": "x-cg-pro-api-key"}
UPDATE_INTERVALS: dict[Plan, timedelta] = {
    "keyless": timedelta(seconds=60),
    "demo": timedelta(seconds=60),
    "pro": timedelta(seconds=20),
}
# Recorded without a key on 2025-11-20: 1, 4, 5, 6 and 3 good calls, each followed by refusals, for 57 to 59 s. With a demo key:
# 501 calls, up to 15 a minute, none refused; 30 are documented.
CALLS_PER_MINUTE: dict[Plan, int] = {"keyless": 4, "demo": 30, "pro": 30}


def base_url(settings: CoinGeckoSettings) -> str:
    """Return the base URL.

    Raises:
        InvalidSetting: the URL is that of another plan, which would reject the key or require one.
    """
    url = (settings.url or HOSTS[settings.plan]).rstrip("/")
    host, expected = urlsplit(url).hostname, urlsplit(HOSTS[settings.plan]).hostname
    if host != expected and host in {urlsplit(each).hostname for each in HOSTS.values()}:
        raise InvalidSetting(
            "RATEWIRE_COINGECKO_URL", url, f"the {settings.plan} plan has the host {expected}"
        )
    return url


def key_header(settings: CoinGeckoSettings) -> dict[str, str]:
    """Return the header with the key.

    Raises:
        InvalidSetting: a plan without its key, or a key without its plan.
    """
    key = settings.api_key.get_secret_value() if settings.api_key else ""
    header = KEY_HEADERS.get(settings.plan)
    if header is None:
        if key:
            raise InvalidSetting("RATEWIRE_COINGECKO_PLAN", settings.plan, "expected demo or pro with a key")
        return {}
    if not key:
        raise InvalidSetting(
            "RATEWIRE_COINGECKO_API_KEY", "", f"expected the key of the {settings.plan} plan"
        )
    return {header: key}


def update_interval(settings: CoinGeckoSettings) -> timedelta:
    """Return the shortest time between two updates of a value."""
    if settings.update_interval_s is not None:
        return timedelta(seconds=settings.update_interval_s)
    return UPDATE_INTERVALS[settings.plan]


def calls_per_minute(settings: CoinGeckoSettings) -> int:
    """Return the most calls in any minute."""
    return settings.calls_per_minute or CALLS_PER_MINUTE[settings.plan]
