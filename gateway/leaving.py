"""A gateway that cannot answer sends its clients to others, and comes back by itself."""

import asyncio

import structlog

from gateway.client_connections import ClientConnections, Ending
from gateway.gateway import Gateway
from gateway.startup import BackendAddresses, describe_awaited

POLL_S = 0.1
# The other gateways get its clients over this time. What these see meanwhile is old already.
SPREAD_S = 2.0
REFUSAL = "this gateway cannot reach its data: use another gateway, or try again"
CLOCK_REFUSAL = "the clock of this gateway is wrong: use another gateway, or try again"

log = structlog.get_logger("ratewire.gateway")


async def leave_while_unable(
    gateway: Gateway, connections: ClientConnections, addresses: BackendAddresses
) -> None:
    """Refuse requests and end connections while the gateway cannot answer, until cancelled.

    It cannot answer once Redis has been out of reach for longer than `unready_after_s`, and until everything is loaded again.
    Before that it answers from memory, with true ages. Nor can it while its clock is too wrong to be corrected.
    """
    while True:
        if awaited := gateway.awaited():
            if not gateway.is_leaving:
                is_clock_wrong = awaited.keys() == {"clock"}
                gateway.is_leaving = True
                connections.refusal = CLOCK_REFUSAL if is_clock_wrong else REFUSAL
                log.error(
                    "gateway leaves",
                    waiting_for=describe_awaited(awaited, addresses),
                    connections=len(connections),
                )
                await connections.end_all(SPREAD_S, Ending.LEAVING)
            # Those that were accepted just before.
            await connections.end_all(0, Ending.LEAVING)
        elif gateway.is_leaving:
            gateway.is_leaving, connections.refusal = False, None
            log.info("gateway is back")
        await asyncio.sleep(POLL_S)
