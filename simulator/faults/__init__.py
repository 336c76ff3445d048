"""Fault injection: faults of a source, activated and healed while the simulator runs.

The exchanges' wire code does not know about faults. `world.py` wraps the market, `middleware.py` the HTTP application, and
`open_connections.py` acts on open WebSocket connections.
"""
