"""One consensus, followed: when its answer is another. Readers of the same share what they are told."""

from collections.abc import Callable
from datetime import datetime
from math import ceil
from typing import Generic, TypeVar
from typing import Protocol as Role

from gateway.queries.consensus.query import ConsensusQuery
from gateway.queries.consensus.rate import ConsensusRate
from gateway.subscriptions.cohort import EARLY_S, Cohort, FanOut, LiveQuery
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.flush import FlushCycle
from gateway.subscriptions.registry import InstrumentFilter
from gateway.subscriptions.value_cohort import ValueCohort

PHASES = 8

ToldT = TypeVar("ToldT")
ToldT_co = TypeVar("ToldT_co", covariant=True)


class ConsensusEncoder(Role[ToldT_co]):
    """Turns answers into what readers are told."""

    def write(self, answer: ConsensusRate) -> ToldT_co:
        """The answer, as it is told."""
        ...


class LiveConsensusQuery(LiveQuery, Generic[ToldT]):
    """The question that is followed, and in which form its answers are told."""

    __slots__ = ("query", "writer")

    def __init__(
        self,
        query: ConsensusQuery,
        selection: InstrumentFilter,
        pace: DeliveryOptions,
        writer: ConsensusEncoder[ToldT],
    ) -> None:
        super().__init__(selection, pace)
        self.query = query
        self.writer = writer


class ConsensusCohort(ValueCohort[ConsensusRate, ToldT]):
    """Readers of the answer that `weigh` gives.

    Intervals end at multiples of an eighth of them on the loop's clock: readers of the same are told at one of eight moments from
    their second answer on, whenever each has come, and so are eight cohorts at the most.
    """

    __slots__ = ("_weigh",)
    topic: LiveConsensusQuery[ToldT]

    def __init__(
        self,
        house: FanOut,
        topic: LiveConsensusQuery[ToldT],
        weigh: Callable[[ConsensusQuery], ConsensusRate],
    ) -> None:
        super().__init__(house, topic)
        self._weigh = weigh

    def copy(self) -> "ConsensusCohort[ToldT]":
        other = ConsensusCohort(self._house, self.topic, self._weigh)
        other.told, other.alarm_at = self.told, self.alarm_at
        return other

    def is_same(self, other: "Cohort[ToldT]") -> bool:
        return (
            super().is_same(other)
            and isinstance(other, ConsensusCohort)
            and self.told is not None
            and other.told is not None
            and self.told.same_answer(other.told)
        )

    @property
    def update_at(self) -> float:
        at, step = super().update_at, self.topic.pace.sample_interval_s / PHASES
        return ceil((at - EARLY_S) / step) * step if step and self.told else at

    def may_update(self, moment: FlushCycle) -> bool:
        return self.update_at <= moment.at + EARLY_S

    def answer(self) -> ConsensusRate:
        return self._weigh(self.topic.query)

    def is_news(self, answer: ConsensusRate) -> bool:
        return self.told is None or not answer.same_answer(self.told)

    def turns_at(self, answer: ConsensusRate) -> datetime | None:
        return answer.next_change_at

    def write(self, answer: ConsensusRate) -> ToldT:
        return self.topic.writer.write(answer)

    def _ring(self) -> None:
        # Timers of the same moment go off one after the other: a round makes them one.
        self._disarm()
        self.stir()
