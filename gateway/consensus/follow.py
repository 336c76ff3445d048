"""One consensus, followed: when its answer is another. Waits for nothing."""

from collections.abc import Callable
from datetime import datetime

from gateway.consensus.rate import ConsensusRate
from gateway.subscribers import Subscriber


class ConsensusFollower(Subscriber):
    """A subscriber that cares for the answer that `weigh` gives, not for the values themselves."""

    def __init__(self, weigh: Callable[[], ConsensusRate]) -> None:
        super().__init__()
        self._weigh = weigh
        self._told: ConsensusRate | None = None
        self._alarm: datetime | None = None

    @property
    def alarm(self) -> datetime | None:
        return None if self.has_pending else self._alarm

    def take_news(self) -> ConsensusRate | None:
        """The answer, if it says something else than the one taken last."""
        self.take()
        answer = self._weigh()
        self._alarm = answer.next_turn
        if self._told is not None and answer.says_the_same_as(self._told):
            return None
        self._told = answer
        return answer
