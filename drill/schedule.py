"""Distribution of the drill's steps over several systems."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from drill.plan import DrillStep


@dataclass(frozen=True)
class Schedule:
    """The remaining steps by source.

    Systems side by side take them from both ends until they meet.
    """

    left: Mapping[str, deque[DrillStep]]

    def take(self, source: str, system: int) -> Iterator[DrillStep]:
        """Take step after step until none is left.

        In each system every other source starts with undisturbed steps, so that these run while the others have outages.
        """
        steps = self.left[source]
        gently = (system + list(self.left).index(source)) % 2 == 0
        while steps:
            yield steps.popleft() if gently else steps.pop()

    def __len__(self) -> int:
        return sum(map(len, self.left.values()))
