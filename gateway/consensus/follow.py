"""One consensus, followed: when its answer is another."""

from collections.abc import Callable
from datetime import datetime

from gateway.cohort import House, Topic
from gateway.consensus.rate import ConsensusRate
from gateway.follow import AnswerCohort


class ConsensusCohort(AnswerCohort[ConsensusRate, ConsensusRate]):
    """Readers of the answer that `weigh` gives."""

    __slots__ = ("_weigh",)

    def __init__(self, house: House, topic: Topic, weigh: Callable[[], ConsensusRate]) -> None:
        super().__init__(house, topic)
        self._weigh = weigh

    def copy(self) -> "ConsensusCohort":
        other = ConsensusCohort(self._house, self.topic, self._weigh)
        other.told, other.alarm_at = self.told, self.alarm_at
        return other

    @property
    def can_be_shared(self) -> bool:
        # Each has a topic of its own.
        return False

    def answer(self) -> ConsensusRate:
        return self._weigh()

    def is_news(self, answer: ConsensusRate) -> bool:
        return self.told is None or not answer.says_the_same_as(self.told)

    def turns_at(self, answer: ConsensusRate) -> datetime | None:
        return answer.next_turn

    def write(self, answer: ConsensusRate) -> ConsensusRate:
        return answer
