"""The choice of the proxy of a connection."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rates.errors import InvalidSetting
from runtime.proxy import check_proxies, parse_exclusion, read_proxy_rules

PROXY = "http://proxy.test:3128"
SOURCE = "wss://stream.binance.com:9443/ws"
ALL = {"http": PROXY, "https": PROXY, "all": PROXY}


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080/binance",
        "ws://127.8.9.1/",
        "http://localhost:8000/graphql",
        "http://LOCALHOST./",
        "ws://sim.localhost:1",
        "http://[::1]:8080",
        "http://[::ffff:127.0.0.1]/",
        "http://0.0.0.0:8080",
    ],
)
def test_this_machine_is_reached_directly(url: str) -> None:
    """No proxy could reach it, whatever the environment says."""
    assert read_proxy_rules(ALL).proxy_for(url) is None


@pytest.mark.parametrize(
    ("proxies", "url", "expected"),
    [
        ({"https": PROXY}, "https://api.binance.com", PROXY),
        ({"https": PROXY}, SOURCE, PROXY),
        ({"all": PROXY}, SOURCE, PROXY),
        ({"all": PROXY}, "https://api.binance.com", PROXY),
        ({"http": PROXY}, SOURCE, None),
        ({"http": PROXY}, "http://source.test", PROXY),
        ({"all": "http://other:1", "https": PROXY}, SOURCE, PROXY),
        ({"https": "socks5://127.0.0.1:9"}, SOURCE, "socks5h://127.0.0.1:9"),
        ({"https": "proxy.test:3128"}, SOURCE, PROXY),
        ({"socks": "http://proxy.test:1080"}, SOURCE, "socks5h://proxy.test:1080"),
        ({"https": ""}, SOURCE, None),
        ({}, SOURCE, None),
    ],
)
def test_http_and_websockets_follow_the_same_variables(
    proxies: dict[str, str], url: str, expected: str | None
) -> None:
    """The variable of the scheme comes before the one for all."""
    assert read_proxy_rules(proxies).proxy_for(url) == expected


@pytest.mark.parametrize(
    ("no_proxy", "url"),
    [
        ("localhost,fd07:b51a:cc66:f0::/64", "https://[fd07:b51a:cc66:f0::7]/"),
        ("[fd07:b51a:cc66:f0::]/64", "https://[fd07:b51a:cc66:f0::7]/"),
        ("[fd07:b51a:cc66:f0::/64]:443", "https://[fd07:b51a:cc66:f0::7]/"),
        ("[fd07::7]:8443", "https://[fd07::7]:8443/"),
        ("fd07::7", "https://[fd07::7]/"),
        ("[FD07::7]", "https://[fd07::7]/"),
        ("10.0.0.0/8", "https://10.1.2.3/"),
        ("10.1.2.3:443", "wss://10.1.2.3/"),
        ("10.0.0.0/8", "https://[::ffff:10.1.2.3]/"),
        ("binance.com", SOURCE),
        (".binance.com", SOURCE),
        ("*.binance.com", SOURCE),
        ("other.test stream.binance.com:9443", SOURCE),
        ("https://binance.com", SOURCE),
        ("*", SOURCE),
    ],
)
def test_excluded_hosts_are_reached_directly(no_proxy: str, url: str) -> None:
    """Networks, addresses with and without brackets, domains; each with or without a port."""
    assert read_proxy_rules(ALL | {"no": no_proxy}).proxy_for(url) is None


@pytest.mark.parametrize(
    ("no_proxy", "url"),
    [
        ("localhost,fd07:b51a:cc66:f0::/64", SOURCE),
        ("localhost,fd07:b51a:cc66:f0::/64", "https://[fd07:b51a:cc66:f1::7]/"),
        ("[fd07::7]:8443", "https://[fd07::7]/"),
        ("stream.binance.com:443", SOURCE),
        ("notbinance.com,nance.com", SOURCE),
        ("10.0.0.0/8", SOURCE),
    ],
)
def test_other_hosts_are_not_excluded(no_proxy: str, url: str) -> None:
    """Another port, another network, the end of another name."""
    assert read_proxy_rules(ALL | {"no": no_proxy}).proxy_for(url) == PROXY


@pytest.mark.parametrize("entry", ["fd07::/264", "10.0.0.0/99", "a/b", "[", "::1::2", "a.*.b"])
def test_an_unreadable_exclusion_is_ignored_with_a_warning(
    entry: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The others of the list still count."""
    with caplog.at_level(logging.WARNING):
        rules = read_proxy_rules(ALL | {"no": f"{entry},binance.com"})
    assert rules.proxy_for(SOURCE) is None
    assert rules.proxy_for("wss://ws.kraken.com") == PROXY
    assert entry in caplog.text


@given(st.text(alphabet="0123456789abf:/[].*,@ %-", max_size=40))
def test_no_exclusion_breaks_a_connection(no_proxy: str) -> None:
    """Any text is read or ignored."""
    rules = read_proxy_rules({"all": PROXY, "no": no_proxy})
    assert rules.proxy_for("https://source.test") in {None, PROXY}


def test_a_domain_with_a_port_is_not_an_address() -> None:
    """Port and name are told apart."""
    exclusion = parse_exclusion(".Source.Test:8443")
    assert (exclusion.network, exclusion.domain, exclusion.port) == (None, "source.test", 8443)


@pytest.mark.parametrize(
    "proxy",
    [
        "socks4://h:1",
        "ftp://h:1",
        "http://",
        "http://h:99999",
        "http://h:x",
        "http://[::1",
        "http://u@h:1",
        "http://h/x",
    ],
)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_an_unusable_proxy_ends_the_start_and_is_named(
    proxy: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the variable as it is spelt in the environment."""
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "wss_proxy", "WSS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, proxy)
    with pytest.raises(InvalidSetting) as refused:
        check_proxies(simulated=False)
    assert refused.value.variable == variable


def test_the_proxy_is_of_no_concern_to_simulated_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are never reached through one."""
    monkeypatch.setenv("HTTPS_PROXY", "ftp://nothing")
    check_proxies(simulated=True)


def test_no_error_shows_the_password_of_a_proxy() -> None:
    """It ends up in logs."""
    with pytest.raises(InvalidSetting) as refused:
        read_proxy_rules({"https": "ftp://user:secret@proxy.test:1"}).proxy_for(SOURCE)
    assert "secret" not in str(refused.value)
