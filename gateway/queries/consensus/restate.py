"""The same consensus at a later moment. Pure."""

from datetime import datetime

import msgspec

from gateway.queries.consensus.query import ConsensusQuery
from gateway.queries.consensus.rate import ConsensusRate, Contribution, ExclusionReason
from gateway.queries.unavailable import too_old


def restate(consensus: ConsensusRate, now: datetime) -> ConsensusRate:
    """Return the consensus as if computed anew, before `next_change_at`: with newer ages."""
    return msgspec.structs.replace(
        consensus,
        contributions=tuple(_restate(each, consensus.query, now) for each in consensus.contributions),
        now=now,
    )


def _restate(each: Contribution, query: ConsensusQuery, now: datetime) -> Contribution:
    if each.rate is None:
        return each
    rate = msgspec.structs.replace(each.rate, now=now)
    if each.exclusion is ExclusionReason.STALE:
        return msgspec.structs.replace(each, rate=rate, message=str(too_old(rate, query.policy)))
    return msgspec.structs.replace(each, rate=rate)
