"""Tells gateways of changes in the database, by whoever reaches both."""

from access.ports import KeyNotices, KeyReader

# An emptied Redis is told of this many changes: gateways that have missed more ask the database.
TOLD_ANEW = 100


async def tell_changes(storage: KeyReader, notices: KeyNotices) -> None:
    """Publish the changes that were not told yet.

    Raises:
        DatabaseUnavailable, CacheUnavailable: not all were told.
    """
    # In this order: what was told is in the database, unless that is another one.
    told = await notices.read_revision()
    revision = await storage.read_revision()
    if told == revision:
        return
    resets = told is not None and told > revision
    since = max(0, revision - TOLD_ANEW) if told is None or resets else told
    await notices.publish(await storage.read_changes(since), since, resets=resets)
