"""The drill's faults and their expected effects.

One line per fault; the table is the specification.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from drill.conditions import (
    Condition,
    future_named,
    in_state,
    names,
    not_trading,
    not_up,
    reconnected,
    refused_alone,
    refused_and_shown,
    resubscribed,
    silent_alone,
    stale_alone,
    up_and_fresh,
)
from drill.environment import (
    COINGECKO_LISTING_INTERVAL_S,
    COINGECKO_TTL_S,
    IDLE_TIMEOUT_S,
    LISTING_INTERVAL_S,
    MAX_SILENT_AFTER_S,
    TTL_S,
)
from drill.health_monitor import ObservedHealth
from drill.process_faults import PROCESS_FAULTS
from drill.redis_pair import has_redis
from pipeline.feeds.interval_stats import TIMES_LONGEST
from runtime.clock.selection import SOURCE_AHEAD_S
from simulator.faults.kinds import KINDS, Value
from simulator.sources import BINANCE, BYBIT, COINBASE, COINGECKO, KRAKEN, OKX

VICTIM = "BTC"
OTHER_ASSET = "other-asset"
# Faults that concern several sources at once. Their steps have a system of their own, one after the other.
REDIS_FAILOVER = "redis-failover"
SHARED_FAULTS = frozenset({OTHER_ASSET, REDIS_FAILOVER})
# Allowance for a busy machine beyond the configured times (`environment.py`).
SLACK_S = 6.0
# Listings are reported last, after failing for three intervals; so are CoinGecko's values.
NOTICED_WITHIN_S = max(4 * LISTING_INTERVAL_S, COINGECKO_LISTING_INTERVAL_S + COINGECKO_TTL_S) + SLACK_S
FLAGGED_WITHIN_S = MAX_SILENT_AFTER_S + 2 * SLACK_S
# A connection that answers pings but sends nothing is given up after three times its longest gap, which may stem from a silence of an
# earlier step that healed just before the idle timeout.
REPLACED_WITHIN_S = TIMES_LONGEST * (IDLE_TIMEOUT_S + 1.0) + SLACK_S
WELL_WITHIN_S = 25.0
# A first subscription counts as unanswered after 5 s (`environment.py`); three times in a row it is halved.
RESUBSCRIBED_WITHIN_S = 3 * 5.0 + 2 * SLACK_S
# A refusal without a retry time is obeyed for a minute.
COOLDOWN_RECOVERY_S = 60.0 + 2 * SLACK_S
# On a busy machine late event times look like a backlog, which is reported for three TTLs of the source after it was dropped: of
# 30 s at Kraken, OKX and Bybit.
BACKLOG_RECOVERY_S = 3 * 30.0 + 2 * SLACK_S
UNDISTURBED_S = 3.0
# Feeds with client pings send one every 10 s.
PINGED_WITHIN_S = 11.0


@dataclass(frozen=True)
class Expectation:
    """The expected effect of a fault.

    `condition` must hold within `within_s`; without one, `invariant` must hold for `duration_s`.
    `on_victim`: limited to one symbol. `reconnects_first`: connections are closed as well, since refusals affect new ones only.
    `must_hit`: the simulator must have counted an effect even if none is visible. `warm_up_s`: the feed must have run that long
    before, to know the usual intervals. `awaits`: the reaction that the product still lacks; such a step runs on request only.
    """

    summary: str
    condition: Condition | None = None
    parameters: Mapping[str, Value] = field(default_factory=dict)
    on_victim: bool = False
    reconnects_first: bool = False
    within_s: float = NOTICED_WITHIN_S
    duration_s: float = UNDISTURBED_S
    recovers_within_s: float = WELL_WITHIN_S
    must_hit: bool = True
    warm_up_s: float = 0.0
    awaits: str = ""
    invariant: Callable[[ObservedHealth], bool] = field(default=lambda health: health.state == "UP")


@dataclass(frozen=True)
class DrillStep:
    """A fault of a source and its expected effect."""

    source: str
    fault: str
    expected: Expectation

    @property
    def key(self) -> tuple[str, str]:
        """The step's source and name."""
        return self.source, self.name

    @property
    def is_undisturbed(self) -> bool:
        """Whether the source must continue undisturbed."""
        return self.expected.condition is None

    @property
    def is_alone(self) -> bool:
        """Whether no other source may have the fault within two minutes.

        Two sources from the future are proof that our clock is late (docs/decisions/0037).
        """
        offset_s = self.expected.parameters.get("offset_s", 0.0)
        return self.fault == "clock" and isinstance(offset_s, float) and offset_s > SOURCE_AHEAD_S

    @property
    def name(self) -> str:
        """The step's name in the report."""
        given = (f"{name}={_short(value)}" for name, value in self.expected.parameters.items())
        victim = f"({VICTIM})" if self.expected.on_victim else ""
        return " ".join(part for part in (self.fault, *given, victim) if part)


def _short(value: Value) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _refused(status: int, *states: str, retry: bool = False) -> Expectation:
    parameters: Mapping[str, Value] = {"retry_after_s": 2.0} if retry else {}
    summary = f"{' or '.join(states)}, naming {status}"
    # Connections that were not refused themselves learn it from the shared cooldown.
    saying = (str(status), "asked for a pause", "was refused") if retry else (str(status),)
    return Expectation(summary, in_state(*states, saying=saying), parameters, reconnects_first=True)


def _flagged(**parameters: Value) -> Expectation:
    return Expectation(
        "flagged, neighbours fresh",
        silent_alone,
        parameters,
        on_victim=True,
        within_s=FLAGGED_WITHIN_S,
        warm_up_s=MAX_SILENT_AFTER_S,
    )


_SHOWN = "not UP, with a reason"
_UNDISTURBED = (Expectation("undisturbed"),)
_EVERYWHERE: Mapping[str, Sequence[Expectation]] = {
    "http-403": (_refused(403, "BLOCKED"),),
    "http-418": (_refused(418, "RATE_LIMITED", "BLOCKED", retry=True),),
    "http-429": (
        _refused(429, "RATE_LIMITED", retry=True),
        replace(
            _refused(429, "RATE_LIMITED", retry=True),
            parameters={"retry_after_s": 2.0, "second_retry_after_s": 4.0},
        ),
    ),
    "http-451": (_refused(451, "BLOCKED"),),
    "http-500": (_refused(500, "DOWN"),),
    "http-502": (_refused(502, "DOWN"),),
    "http-503": (_refused(503, "DOWN"),),
    "refuse-connections": (Expectation("DOWN", in_state("DOWN"), reconnects_first=True),),
    "garbage": tuple(
        Expectation(_SHOWN, not_up, {"form": form}) for form in ("text", "html", "cut", "shape")
    ),
    "nulls": (Expectation(_SHOWN, not_up),),
    "missing": (Expectation(_SHOWN, not_up),),
    "zero-prices": (Expectation("refused, counted and shown", refused_and_shown),),
    "exponents": _UNDISTURBED,
    "clock": (
        Expectation("refused, counted and shown", refused_and_shown, {"offset_s": 60.0}),
        Expectation(_SHOWN, not_up, {"offset_s": -60.0}, recovers_within_s=BACKLOG_RECOVERY_S),
        Expectation("tolerated", None, {"offset_s": 2.0}),
        Expectation(
            "refused, the clock suspected",
            future_named,
            {"offset_s": 30.0},
        ),
        Expectation(_SHOWN, not_up, {"offset_s": -30.0}, recovers_within_s=BACKLOG_RECOVERY_S),
    ),
    "null-entry": (Expectation("undisturbed", duration_s=3 * COINGECKO_LISTING_INTERVAL_S),),
    "delisted": (Expectation("NOT_TRADING", not_trading, on_victim=True),),
    OTHER_ASSET: (
        Expectation(
            "suspected, in no merged answer",
            in_state("DEGRADED", saying=("suspect identity",)),
            on_victim=True,
        ),
    ),
}
_PUSHED: Mapping[str, Sequence[Expectation]] = {
    **_EVERYWHERE,
    "silence": (
        Expectation("replaced", reconnected, within_s=REPLACED_WITHIN_S),
        Expectation(_SHOWN, not_up, {"scope": "all"}),
    ),
    "no-pongs": (Expectation("undisturbed", duration_s=PINGED_WITHIN_S, must_hit=False),),
    "shutdown": (
        Expectation(
            "replaced, all fresh meanwhile",
            None,
            {"cut_after_s": 4.0},
            duration_s=6.0,
            invariant=lambda health: health.fresh == health.tracked,
        ),
    ),
    "disconnect": tuple(
        Expectation("reconnected", reconnected, {"code": code}) for code in (1000.0, 1001.0, 1006.0, 1008.0)
    ),
    "out-of-order": _UNDISTURBED,
    "duplicates": _UNDISTURBED,
    "burst": _UNDISTURBED,
    "slow": (Expectation("undisturbed", None, {"delay_s": 0.25}),),
    "cut": (Expectation("DEGRADED: its listing", in_state("DEGRADED")),),
    # The price first: a silence of everything would make a silence of the price usual.
    "frozen": (Expectation(_SHOWN, not_up), _flagged(mode="price"), _flagged()),
    "silent": (_flagged(),),
    "sequence-reset": (
        Expectation(
            "undisturbed, all fresh",
            duration_s=2 * TTL_S,
            must_hit=False,
            invariant=up_and_fresh,
        ),
    ),
    "ignored-requests": (
        Expectation(
            "subscribed in smaller parts",
            resubscribed,
            {"max_bytes": 160.0},
            reconnects_first=True,
            within_s=RESUBSCRIBED_WITHIN_S,
        ),
    ),
    "odd-frames": (
        *(
            Expectation(
                "counted, all else undisturbed",
                refused_alone,
                {"form": form},
            )
            for form in ("not-utf8", "no-zone")
        ),
        Expectation(
            "undisturbed",
            None,
            {"form": "nested"},
            duration_s=2 * TTL_S,
            invariant=up_and_fresh,
        ),
    ),
    "advisory": (
        Expectation("announced, UP", in_state("UP", saying=("maintenance",)), {"form": "maintenance"}),
        Expectation(
            "DEGRADED once begun",
            in_state("DEGRADED", saying=("maintenance",)),
            {"form": "maintenance", "begins_in_s": 4.0},
        ),
        Expectation(
            "DEGRADED, naming it", in_state("DEGRADED", saying=("emergency",)), {"form": "emergency"}
        ),
    ),
}
# The channel that dies, and what names it. Where it is the only one with prices, the source is not UP.
_DEAD_CHANNELS: Mapping[str, Expectation] = {
    **{source: Expectation(_SHOWN, not_up, {"channel": "ticker"}) for source in (COINBASE, KRAKEN, OKX)},
    **{
        source: Expectation("names the book", names("book"), {"channel": "book"})
        for source in (BINANCE, BYBIT)
    },
}
_POLLED: Mapping[str, Sequence[Expectation]] = {
    **_EVERYWHERE,
    "silence": (Expectation("DOWN", in_state("DOWN")),),
    "garbage": tuple(
        Expectation(_SHOWN, not_up, {"form": form}, recovers_within_s=COOLDOWN_RECOVERY_S)
        for form in ("html", "cut", "shape", "text")
    ),
    "slow": (Expectation("DOWN", in_state("DOWN"), {"delay_s": 5.0}),),
    "cut": (Expectation("DOWN", in_state("DOWN")),),
    "frozen": (
        Expectation(_SHOWN, not_up),
        Expectation("stale, neighbours fresh", stale_alone, on_victim=True),
    ),
    "silent": (Expectation("stale, neighbours fresh", stale_alone, on_victim=True),),
}


# Faults of the process and its network (`process_faults.py`).
_PROCESS_PUSHED: Mapping[str, Expectation] = {
    "ipv6-black-hole": Expectation("reconnected over IPv4", resubscribed, reconnects_first=True),
    "proxy": Expectation("reconnected directly", resubscribed, reconnects_first=True),
}
_PROCESS_POLLED: Mapping[str, Expectation] = dict.fromkeys(
    PROCESS_FAULTS,
    Expectation("undisturbed", duration_s=COINGECKO_TTL_S, must_hit=False, invariant=up_and_fresh),
)


_REDIS_FAILOVER = Expectation(
    "written to the new primary, nothing lost",
    duration_s=TTL_S + 1.0,
    must_hit=False,
    recovers_within_s=TTL_S + SLACK_S,
    invariant=lambda health: health.state in ("UP", "DEGRADED"),
)


def _by_source(source: str) -> Mapping[str, Sequence[Expectation]]:
    return {"dead-channel": (_DEAD_CHANNELS[source],)}


def steps_of(source: str) -> list[DrillStep]:
    """The steps of a whole drill: all whose reaction the product has."""
    return sorted(
        [*(step for step in all_steps_of(source) if not step.expected.awaits), *process_steps_of(source)],
        key=_order,
    )


def one_source_each(steps: Mapping[str, Sequence[DrillStep]]) -> dict[str, list[DrillStep]]:
    """Select each kind of step once, at the sources that have it in turn."""
    by_name: dict[str, list[DrillStep]] = {}
    for step in (each for found in steps.values() for each in found):
        by_name.setdefault(step.name, []).append(step)
    chosen = {found[number % len(found)].key for number, found in enumerate(by_name.values())}
    return {source: [step for step in found if step.key in chosen] for source, found in steps.items()}


def process_steps_of(source: str) -> list[DrillStep]:
    """The steps with faults of the process and its network, while the source works."""
    table = _PROCESS_POLLED if source == COINGECKO else _PROCESS_PUSHED
    steps = [DrillStep(source, fault, expected) for fault, expected in table.items()]
    # Without a Redis server the systems of the drill have their cache in the process.
    return [*steps, DrillStep(source, REDIS_FAILOVER, _REDIS_FAILOVER)] if has_redis() else steps


def all_steps_of(source: str) -> list[DrillStep]:
    """All steps of a source, one or more per applicable fault.

    Steps without an effect come first: meanwhile the feed learns each symbol's usual interval. Then single symbols, before outages
    make silence usual; steps that take a minute come last.

    Raises:
        KeyError: a fault has no expectation.
    """
    table = _POLLED if source == COINGECKO else {**_PUSHED, **_by_source(source)}
    steps = [
        DrillStep(source, kind.name, expected)
        for kind in KINDS.values()
        if source in kind.sources
        for expected in table[kind.name]
    ]
    return sorted(steps, key=_order)


def _order(step: DrillStep) -> tuple[bool, bool, float]:
    return not step.is_undisturbed, not step.expected.on_victim, step.expected.recovers_within_s
