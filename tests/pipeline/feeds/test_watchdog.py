"""Silent symbols and dead connections, and quiet ones that are neither."""

from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.feeds.interval_stats import IntervalStats
from pipeline.feeds.liveness import Liveness, LivenessAction
from pipeline.feeds.protocol import SymbolActivity
from pipeline.feeds.watchdog import Watchdog
from pipeline.sources.binance.protocol import BinanceProtocol
from rates.symbol import Symbol
from rates.ticker import Ticker
from tests.pipeline.fakes import BTC, ETH, START, instrument, ticker
from tests.pipeline.recordings import read_frames

SILENT_AFTER, FIRST_MESSAGE, EXPERIENCE_S = 30.0, 60.0, 60.0


def watchdog(*symbols: Symbol) -> Watchdog:
    dog = Watchdog(silent_after_s=SILENT_AFTER, first_message_s=FIRST_MESSAGE)
    dog.track(symbols, 0)
    return dog


def send(dog: Watchdog, symbol: Symbol, now: float, price: str | None = None) -> None:
    observed_at = START + timedelta(seconds=now)
    dog.on_event(ticker(symbol, price or str(1 + now), observed_at=observed_at), now)


def observe(dog: Watchdog, *symbols: Symbol, until: float = 400) -> None:
    """Record ten messages a second for each symbol, for long enough to know its intervals."""
    for tenth in range(int(until * 10)):
        for symbol in symbols:
            send(dog, symbol, tenth / 10)


def test_a_symbol_that_stops_is_silent_and_others_are_not() -> None:
    """Not before the shortest silence that counts, and with a text that stays the same."""
    dog = watchdog(BTC, ETH)
    observe(dog, BTC, ETH)
    for tenth in range(4000, 4600):
        send(dog, BTC, tenth / 10)
    assert not dog.check(399.9 + SILENT_AFTER).silent
    findings = dog.check(430)
    assert set(findings.silent) == {ETH}
    assert findings.silent[ETH] == "no message for 30 s, usually one each 0.1 s"
    assert findings.resubscribe == (ETH,)
    assert not findings.is_mostly_silent
    assert dog.check(435).silent == findings.silent
    assert not dog.check(435).resubscribe
    send(dog, ETH, 440)
    assert ETH not in dog.check(440).silent


@pytest.mark.slow
@given(st.integers(0, 10_000))
def test_a_quiet_market_is_not_silent(seed: int) -> None:
    """Random trades in bursts, every two minutes on average, raise no alarm."""
    random, dog, now = Random(seed), watchdog(BTC), 0.0
    for _ in range(200):
        assert not dog.check(now).silent
        for _ in range(random.randint(1, 30)):
            now += 0.05
            send(dog, BTC, now)
        now += random.uniform(60, 180)


def test_a_new_symbol_may_be_silent_for_longer() -> None:
    """Ten times as long as others after its first message."""
    dog = watchdog(BTC)
    send(dog, BTC, 0)
    assert not dog.check(10 * SILENT_AFTER).silent
    assert dog.check(10 * SILENT_AFTER + 1).silent


def test_other_symbols_tell_how_long_a_new_one_may_be_silent() -> None:
    """Three times as long as the slowest of them, from the start."""
    peers = [Symbol(f"A{number}", "USDT") for number in range(3)]
    dog = watchdog(BTC, *peers)
    send(dog, BTC, 0)
    for second in range(120):
        for peer in peers[: 3 if second % 2 else 2]:
            send(dog, peer, second)
        silent = dog.check(second).silent
        # The slowest has a message each two seconds: 20 times that counts as usual.
        assert (BTC in silent) == (second > 3 * 40), second
        assert set(silent) <= {BTC}
    assert BTC in dog.check(121).silent


def test_other_symbols_do_not_shorten_what_a_slow_one_has_shown() -> None:
    """One message each twenty seconds among busy ones, and a pause now and then."""
    peers = [Symbol(f"A{number}", "USDT") for number in range(3)]
    dog = watchdog(BTC, *peers)
    for second in range(400):
        for peer in peers:
            send(dog, peer, second)
        if second % 20 == 0 and second % 60:
            send(dog, BTC, second)
        assert not dog.check(second).silent


def test_a_symbol_without_a_first_message_is_silent_after_the_deadline() -> None:
    """A stream that does not exist is accepted and stays silent."""
    dog = watchdog(BTC, ETH)
    send(dog, BTC, 1)
    assert not dog.check(FIRST_MESSAGE).silent
    first = dog.check(FIRST_MESSAGE + 1).silent
    assert first == {ETH: "no message within 61 s of subscribing"}
    assert dog.check(FIRST_MESSAGE + 9).silent == first
    dog.on_disconnect(100)
    assert not dog.check(100 + FIRST_MESSAGE).silent


def test_a_message_that_repeats_itself_is_frozen() -> None:
    """Even with new times, and despite other activity."""
    dog = watchdog(BTC)
    observe(dog, BTC)
    for tenth in range(4000, 4400):
        send(dog, BTC, tenth / 10, "7")
        dog.on_event(SymbolActivity(BTC), tenth / 10)
    assert dog.check(440).silent == {BTC: "frozen: the same for 40 s, usually one each 0.1 s"}
    send(dog, BTC, 441)
    assert not dog.check(441).silent


def test_a_price_that_stops_while_trading_continues_is_frozen() -> None:
    """If it usually moves, and does not just alternate between bid and ask."""
    dog = watchdog(BTC)
    observe(dog, BTC)
    for tenth in range(4000, 4400):
        dog.on_event(ticker(BTC, "7" if tenth % 2 else "7.01", sequence=tenth), tenth / 10)
    assert dog.check(440).silent == {BTC: "frozen: its price for 40 s, usually one each 0.1 s"}


@pytest.mark.slow
def test_a_stable_coin_is_not_frozen() -> None:
    """It trades at the same price for hours, and new trades count as changes."""
    dog = watchdog(BTC)
    for second in range(20_000):
        price = "0.9998" if second % 600 else "0.9999"
        dog.on_event(ticker(BTC, price, sequence=second), second)
        assert not dog.check(second).silent


def test_the_connection_is_replaced_if_most_symbols_are_silent() -> None:
    """For one symbol, replacing it would only affect the others."""
    dog = watchdog(BTC, ETH)
    observe(dog, BTC, ETH)
    assert not dog.check(420).is_mostly_silent
    assert dog.check(440).is_mostly_silent


def test_rejected_symbols_are_reported_until_a_message_or_a_new_connection() -> None:
    """With the source's reason."""
    dog = watchdog(BTC, ETH)
    send(dog, ETH, 1)
    dog.on_rejected(BTC, "no such pair")
    assert dog.check(2).silent == {BTC: "refused: no such pair"}
    assert not dog.check(2).resubscribe
    dog.on_disconnect(3)
    assert not dog.check(3).silent


def test_an_outage_does_not_count_as_an_interval() -> None:
    """A gap of an hour between two connections does not raise the limit."""
    dog = watchdog(BTC)
    observe(dog, BTC)
    dog.on_disconnect(3600)
    send(dog, BTC, 3601)
    send(dog, BTC, 3601.1)
    assert dog.check(3601.1 + SILENT_AFTER + 1).silent


@pytest.mark.parametrize("outage_s", [120, 600])
def test_a_silence_after_an_outage_is_reported_as_soon_as_the_first(outage_s: int) -> None:
    """An outage does not count as a usual interval."""
    dog = watchdog(BTC)
    observe(dog, BTC)
    assert dog.check(431).silent
    healed = 400 + outage_s
    for tenth in range(healed * 10, healed * 10 + 600):
        send(dog, BTC, tenth / 10)
    assert not dog.check(healed + 60).silent
    assert dog.check(healed + 60 + SILENT_AFTER + 1).silent


def test_a_market_that_becomes_quiet_is_not_reported_for_ever() -> None:
    """Silences that keep coming back are usual."""
    dog, reports = watchdog(BTC), 0
    observe(dog, BTC)
    for number in range(1, 11):
        reports += bool(dog.check(400 + number * 40 - 1).silent)
        send(dog, BTC, 400 + number * 40)
    assert 1 <= reports <= 3


def test_a_minute_of_steady_messages_is_enough_experience() -> None:
    """Without five minutes of them, a silence would be reported after five minutes only."""
    dog = watchdog(BTC)
    observe(dog, BTC, until=60)
    assert not dog.check(60 + SILENT_AFTER - 1).silent
    assert dog.check(60 + SILENT_AFTER + 1).silent


def test_a_half_open_connection_is_dead_at_the_idle_timeout() -> None:
    """After an unanswered ping at half of it."""
    liveness = Liveness(IntervalStats(EXPERIENCE_S), idle_timeout_s=20, now=0)
    assert liveness.next_action(9.9) is LivenessAction.LISTEN
    assert liveness.next_action(10) is LivenessAction.PROBE
    assert liveness.next_action(19.9) is LivenessAction.LISTEN
    assert liveness.next_action(20) is LivenessAction.GIVE_UP


def test_answered_pings_keep_a_quiet_connection() -> None:
    """As long as they are answered and nothing is known of its usual intervals."""
    liveness = Liveness(IntervalStats(EXPERIENCE_S), idle_timeout_s=20, now=0)
    steps = []
    for now in range(200):
        steps.append(step := liveness.next_action(now))
        if step is LivenessAction.PROBE and now < 100:
            liveness.on_pong()
    assert steps.index(LivenessAction.GIVE_UP) in range(100, 145)
    assert steps.count(LivenessAction.PROBE) > 4


def test_unusual_silence_ends_a_connection_despite_answered_pings() -> None:
    """The feed behind the socket died. Without enough observations the connection stays."""
    for known_s, step in (70, LivenessAction.GIVE_UP), (50, LivenessAction.LISTEN):
        liveness = Liveness(IntervalStats(EXPERIENCE_S), idle_timeout_s=20, now=0)
        liveness.on_data()
        for tenth in range(known_s * 10):
            liveness.on_message(tenth / 10)
        assert liveness.next_action(known_s + 15) is LivenessAction.PROBE
        liveness.on_pong()
        assert liveness.next_action(known_s + 21) is step


@pytest.mark.slow
def test_recorded_trading_raises_no_alarm() -> None:
    """Minutes of every channel of BTC/USDT in August 2024, with a tenth of the usual limits."""
    protocol = BinanceProtocol(simulated=False)
    protocol.track([instrument("BTC/USDT")])
    dog = Watchdog(silent_after_s=SILENT_AFTER / 10, first_message_s=FIRST_MESSAGE)
    dog.track([BTC], 0)
    began, now, messages = None, 0.0, 0
    for frame in read_frames("binance_spot_ws_btcusdt_20240808.txt.gz"):
        for event in protocol.receive(frame, START):
            if isinstance(event, Ticker):
                began = began or event.observed_at
                now = max(now, (event.observed_at - began).total_seconds())
            assert isinstance(event, Ticker | SymbolActivity)
            dog.on_event(event, now)
            messages += 1
            assert not dog.check(now).silent
    assert messages > 10_000
    assert now > 200
    assert dog.check(now + SILENT_AFTER).silent
