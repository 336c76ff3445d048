"""Redis URLs of a standalone server, a Sentinel deployment or a cluster.

Parsing only; opens nothing.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from redis.asyncio.connection import SSLConnection, parse_url

from rates.errors import InvalidSetting

SETTING = "RATEWIRE_REDIS_URL"
EXPECTED = (
    "expected redis://[user:password@]host:port/db, redis+sentinel://[user:password@]host:port,…/service/db or "
    "redis+cluster://[user:password@]host:port,… (rediss… for TLS)"
)
SENTINEL_PORT = 26379
REDIS_PORT = 6379
_SENTINEL_OPTIONS = ("sentinel_username", "sentinel_password")


class Deployment(Enum):
    """Form in which Redis is run."""

    STANDALONE = ""
    SENTINEL = "+sentinel"
    CLUSTER = "+cluster"


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """A parsed Redis URL.

    `hosts` are the addresses to ask first: servers, Sentinels or cluster nodes.

    `options` are keyword arguments for a connection to a Redis server, without host and port; `sentinel_options` for
    a connection to a Sentinel. `service` is the name that the Sentinels know the primary by.
    """

    text: str
    deployment: Deployment
    hosts: tuple[tuple[str, int], ...]
    options: dict[str, Any]
    sentinel_options: dict[str, Any]
    service: str = ""


def parse_redis_url(text: str) -> RedisUrl:
    """Parse a Redis URL of any supported form.

    Raises:
        InvalidSetting: not such a URL; the message says what is wrong, without the password.
    """
    try:
        return _parse(text)
    except ValueError as exc:
        raise InvalidSetting(SETTING, without_password(text), f"{EXPECTED}: {exc}") from exc


def without_password(text: str) -> str:
    """Replace the password of a URL by `***`, and the values of its query by nothing."""
    before, at, after = text.partition("?")[0].rpartition("@")
    scheme, separator, userinfo = before.partition("://")
    user, colon, _ = userinfo.partition(":")
    return f"{scheme}{separator}{user}{colon}{'***' if colon else ''}{at}{after}"


def _parse(text: str) -> RedisUrl:
    scheme, separator, _ = text.partition("://")
    kind, plus, _ = scheme.partition("+")
    try:
        deployment = Deployment(scheme[len(kind) :])
    except ValueError:
        raise ValueError(f"the scheme is {scheme[:30]!r}") from None
    if not separator or (kind not in ("redis", "rediss") and (plus or kind != "unix")):
        raise ValueError(f"the scheme is {scheme[:30]!r}")
    if kind == "unix":
        return RedisUrl(text, deployment, (), dict(parse_url(text)), {})
    parts = urlsplit(text)
    userinfo, at, netloc = parts.netloc.rpartition("@")
    hosts = netloc.split(",")
    if deployment is Deployment.STANDALONE and len(hosts) > 1:
        raise ValueError("several hosts need redis+cluster:// or redis+sentinel://")
    service, db = _split_path(deployment, parts.path)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    sentinel = {name: query.pop(name) for name in _SENTINEL_OPTIONS if name in query}
    if sentinel and deployment is not Deployment.SENTINEL:
        raise ValueError(f"{', '.join(sentinel)} need redis+sentinel://")
    # redis-py's own parser reads user, password, db, TLS and query options, so they mean the same in all forms.
    read = [parse_url(f"{kind}://{userinfo}{at}{host}/{db}?{urlencode(query)}") for host in hosts]
    default_port = SENTINEL_PORT if deployment is Deployment.SENTINEL else REDIS_PORT
    addresses = tuple(_address(host, one, default_port) for host, one in zip(hosts, read, strict=True))
    options: dict[str, Any] = {name: value for name, value in read[0].items() if name not in ("host", "port")}
    if options.pop("connection_class", None) is SSLConnection:
        options["ssl"] = True
    if deployment is Deployment.CLUSTER:
        options.pop("db", None)
    tls = {name: value for name, value in options.items() if name.startswith("ssl")}
    return RedisUrl(
        text,
        deployment,
        addresses,
        options,
        {**tls, **{name.removeprefix("sentinel_"): value for name, value in sentinel.items()}},
        service,
    )


def _split_path(deployment: Deployment, path: str) -> tuple[str, str]:
    """Service name and database number of a URL path, checked."""
    service, parts = "", [unquote(part) for part in path.split("/") if part]
    if deployment is Deployment.SENTINEL:
        if not parts:
            raise ValueError("the service name is missing, e.g. redis+sentinel://host:26379/mymaster/0")
        service, *parts = parts
    if len(parts) > 1 or (parts and not parts[0].isdecimal()):
        raise ValueError(f"the database is {'/'.join(parts)[:30]!r}, not a number")
    db = parts[0] if parts else "0"
    if deployment is Deployment.CLUSTER and int(db) != 0:
        raise ValueError(f"the database is {db}, but a cluster has database 0 only")
    return service, db


def _address(text: str, read: Any, default_port: int) -> tuple[str, int]:
    host = read.get("host")
    if not host or text.endswith(":"):
        raise ValueError(f"a host is {text[:60]!r}")
    return str(host), int(read.get("port", default_port))
