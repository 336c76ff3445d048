"""Redis URLs: the forms of each deployment, and clear errors for anything else."""

import pytest

from cache.redis_client import open_redis
from cache.redis_url import Deployment, parse_redis_url, without_password
from rates.errors import InvalidSetting


def test_a_standalone_url_names_one_server() -> None:
    """User, password, database and query options are those of redis-py."""
    url = parse_redis_url("rediss://me:p%40ss@cache.example:6380/3?ssl_cert_reqs=none")
    assert (url.deployment, url.hosts) == (Deployment.STANDALONE, (("cache.example", 6380),))
    assert url.options == {
        "username": "me",
        "password": "p@ss",
        "db": 3,
        "ssl": True,
        "ssl_cert_reqs": "none",
    }


def test_a_cluster_url_names_nodes_to_ask_first() -> None:
    """The port defaults to 6379; there is no database to choose."""
    url = parse_redis_url("redis+cluster://:secret@one:7000,two,[2001:db8::1]:7001/0")
    assert url.deployment is Deployment.CLUSTER
    assert url.hosts == (("one", 7000), ("two", 6379), ("2001:db8::1", 7001))
    assert url.options == {"password": "secret"}


def test_a_sentinel_url_names_the_sentinels_and_the_service() -> None:
    """The password is that of Redis; the Sentinels have options of their own."""
    url = parse_redis_url(
        "rediss+sentinel://user:secret@s1,s2:26380/my%2Dmaster/2?sentinel_password=other&ssl_ca_certs=/ca.pem"
    )
    assert (url.deployment, url.service) == (Deployment.SENTINEL, "my-master")
    assert url.hosts == (("s1", 26379), ("s2", 26380))
    assert url.options == {
        "username": "user",
        "password": "secret",
        "db": 2,
        "ssl": True,
        "ssl_ca_certs": "/ca.pem",
    }
    assert url.sentinel_options == {"password": "other", "ssl": True, "ssl_ca_certs": "/ca.pem"}


def test_a_unix_socket_is_a_standalone_server() -> None:
    """As in redis-py."""
    url = parse_redis_url("unix:///run/redis.sock?db=1")
    assert (url.deployment, url.hosts, url.options["path"]) == (Deployment.STANDALONE, (), "/run/redis.sock")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the scheme is ''"),
        ("localhost:6379", "the scheme is 'localhost:6379'"),
        ("http://localhost", "the scheme is 'http'"),
        ("redis+proxy://localhost", "the scheme is 'redis+proxy'"),
        ("unix+cluster:///run/redis.sock", "the scheme is 'unix+cluster'"),
        ("redis://", "a host is ''"),
        ("redis://one,two/0", "several hosts need"),
        ("redis://one:port/0", "port"),
        ("redis://one:99999/0", "port"),
        ("redis://one:/0", "a host is 'one:'"),
        ("redis://one/first", "the database is 'first', not a number"),
        ("redis+cluster://one,,two", "a host is ''"),
        ("redis+cluster://one/1", "a cluster has database 0 only"),
        ("redis+sentinel://one:26379", "the service name is missing"),
        ("redis+sentinel://one/service/0/1", "the database is '0/1', not a number"),
        ("redis+cluster://one?sentinel_password=x", "sentinel_password need"),
        ("redis://one?socket_timeout=soon", "socket_timeout"),
    ],
)
def test_other_urls_are_rejected_with_the_reason(text: str, reason: str) -> None:
    """The error names the variable, the supported forms and what is wrong."""
    with pytest.raises(InvalidSetting, match=r"RATEWIRE_REDIS_URL=.*redis\+cluster://") as rejected:
        parse_redis_url(text)
    assert reason in str(rejected.value)


@pytest.mark.parametrize("form", ["redis://one", "redis+cluster://one", "redis+sentinel://one/service"])
def test_options_that_redis_py_does_not_know_are_rejected(form: str) -> None:
    """At once, not with the first command."""
    with pytest.raises(InvalidSetting, match="no_such_option"):
        open_redis(f"{form}?no_such_option=1")


def test_errors_do_not_show_passwords() -> None:
    """Neither that of Redis nor those in the query."""
    text = "redis+cluster://user:hunter2@one,two/1?sentinel_password=hunter3"
    assert without_password(text) == "redis+cluster://user:***@one,two/1"
    with pytest.raises(InvalidSetting) as rejected:
        parse_redis_url(text)
    assert "hunter" not in str(rejected.value)
