"""Assigns instruments to as few connections as possible, without needless moves. Pure."""

from collections.abc import Mapping, Sequence

from instruments.instrument import Instrument

Shards = dict[int, tuple[Instrument, ...]]

# A connection is closed only if the others keep this share of their capacity free, so that one instrument that comes and goes
# does not open and close connections.
SPARE = 0.1


def shard_instruments(
    instruments: Sequence[Instrument], current: Mapping[int, Sequence[Instrument]], capacity: int
) -> Shards:
    """Return the instruments of each connection by its number, given the current ones.

    None is empty.
    """
    unassigned = {one.symbol: one for one in instruments}
    shards = {
        number: [unassigned.pop(one.symbol) for one in shard if one.symbol in unassigned]
        for number, shard in current.items()
    }
    while len(shards) > 1 and len(instruments) <= (1 - SPARE) * capacity * (len(shards) - 1):
        smallest = min(shards, key=lambda number: len(shards[number]))
        unassigned |= {one.symbol: one for one in shards.pop(smallest)}
    waiting = list(unassigned.values())
    for shard in shards.values():
        room = capacity - len(shard)
        shard.extend(waiting[:room])
        waiting = waiting[room:]
    number = max((*current, *shards), default=0)
    while waiting:
        number += 1
        shards[number], waiting = waiting[:capacity], waiting[capacity:]
    return {number: tuple(shard) for number, shard in shards.items() if shard}
