"""Cohorts of `consensusRate` subscriptions: send the consensus when it changes."""

from collections.abc import Callable
from datetime import datetime
from math import ceil
from typing import Generic, TypeVar

from gateway.queries.consensus.query import ConsensusQuery
from gateway.queries.consensus.rate import ConsensusRate
from gateway.subscriptions.cohort import EARLY_S, Cohort, FanOut, LiveQuery, PayloadEncoder
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.flush import FlushCycle
from gateway.subscriptions.instrument_filter import InstrumentFilter
from gateway.subscriptions.value_cohort import ValueCohort

PHASES = 8

PayloadT = TypeVar("PayloadT")


class LiveConsensusQuery(LiveQuery, Generic[PayloadT]):
    """A live `consensusRate` query."""

    __slots__ = ("encoder", "query")

    def __init__(
        self,
        query: ConsensusQuery,
        instruments: InstrumentFilter,
        options: DeliveryOptions,
        encoder: PayloadEncoder[ConsensusRate, PayloadT],
    ) -> None:
        super().__init__(instruments, options)
        self.query = query
        self.encoder = encoder


class ConsensusCohort(ValueCohort[ConsensusRate, PayloadT]):
    """Subscribers to one consensus, computed by `weigh`.

    Intervals end at multiples of an eighth of their length on the loop's clock. From the second answer on, all subscribers
    to one live query are served at one of eight phases, whenever they subscribed: at most eight cohorts.
    """

    __slots__ = ("_weigh",)
    live_query: LiveConsensusQuery[PayloadT]

    def __init__(
        self,
        fan_out: FanOut,
        live_query: LiveConsensusQuery[PayloadT],
        weigh: Callable[[ConsensusQuery], ConsensusRate],
    ) -> None:
        super().__init__(fan_out, live_query)
        self._weigh = weigh

    def copy(self) -> "ConsensusCohort[PayloadT]":
        other = ConsensusCohort(self._fan_out, self.live_query, self._weigh)
        other.take_state(self)
        return other

    def has_same_state(self, other: "Cohort[PayloadT]") -> bool:
        return (
            other.live_query is self.live_query
            and isinstance(other, ConsensusCohort)
            and self.last_sent is not None
            and other.last_sent is not None
            and self.last_sent.same_answer(other.last_sent)
        )

    def compute(self) -> ConsensusRate:
        return self._weigh(self.live_query.query)

    def has_changed(self, answer: ConsensusRate) -> bool:
        return self.last_sent is None or not answer.same_answer(self.last_sent)

    def compute_next_change(self, answer: ConsensusRate) -> datetime | None:
        return answer.next_change_at

    def encode(self, answer: ConsensusRate) -> PayloadT:
        return self.live_query.encoder.encode(answer)

    def mark_updated(self, cycle: FlushCycle) -> None:
        super().mark_updated(cycle)
        if phase_s := self.live_query.options.sample_interval_s / PHASES:
            self.next_update_at = ceil((self.next_update_at - EARLY_S) / phase_s) * phase_s
