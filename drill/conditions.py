"""Visible effects of faults, as conditions on what the drill observes. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from drill.health_monitor import ObservedHealth
from drill.subscriber import DrillSubscriber


@dataclass(frozen=True)
class StepObservations:
    """The measurements during one step; `first` is the health before the fault."""

    source: str
    symbol: str
    first: ObservedHealth
    now: ObservedHealth
    subscriber: DrillSubscriber


Condition = Callable[[StepObservations], bool]


def in_state(*states: str, saying: Sequence[str] = ("",)) -> Condition:
    """The source is in one of the states, and its reason contains one of the words."""
    return lambda observed: (
        observed.now.state in states
        and observed.now.reason is not None
        and any(word in observed.now.reason for word in saying)
    )


def reconnected(observed: StepObservations) -> bool:
    """The source has opened a new session."""
    return observed.now.reconnects > observed.first.reconnects


def refused_and_shown(observed: StepObservations) -> bool:
    """Values were refused and counted, and the source is not UP, with a reason."""
    return (
        observed.now.refused > observed.first.refused
        and observed.now.state != "UP"
        and bool(observed.now.reason)
    )


def not_up(observed: StepObservations) -> bool:
    """The source is not UP, with a reason."""
    return observed.now.state != "UP" and bool(observed.now.reason)


def names(*words: str) -> Condition:
    """The source's reason contains one of the words, in any state."""
    return lambda observed: any(word in (observed.now.reason or "").lower() for word in words)


def refused_alone(observed: StepObservations) -> bool:
    """Messages were refused and counted on the same connection, and the source stays UP."""
    return (
        observed.now.refused > observed.first.refused
        and observed.now.state == "UP"
        and observed.now.reconnects == observed.first.reconnects
    )


def resubscribed(observed: StepObservations) -> bool:
    """The source has opened a new session, and receives everything on it."""
    return reconnected(observed) and observed.now.is_healthy


def future_named(observed: StepObservations) -> bool:
    """Values from the future were refused, and the reason suspects the clock."""
    return refused_and_shown(observed) and names("clock")(observed)


def up_and_fresh(health: ObservedHealth) -> bool:
    """The source is UP, and every instrument is fresh."""
    return health.state == "UP" and health.fresh == health.tracked


def silent_alone(observed: StepObservations) -> bool:
    """The victim is listed as silent, and all others are fresh."""
    return observed.symbol in observed.now.silent and observed.now.fresh >= observed.now.tracked - 1


def stale_alone(observed: StepObservations) -> bool:
    """The victim is no longer fresh, and all others are."""
    return observed.now.fresh == observed.now.tracked - 1 and not observed.subscriber.is_fresh(
        observed.source.upper(), observed.symbol
    )


def not_trading(observed: StepObservations) -> bool:
    """The victim is NOT_TRADING, and subscribers received that."""
    reason = observed.subscriber.unavailable.get((observed.source.upper(), observed.symbol))
    return observed.now.halted == 1 and reason == "NOT_TRADING"
