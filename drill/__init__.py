"""The fault drill: injects every fault of every source into the whole embedded system.

It starts the simulator and the embedded system, reads what any client can read (GraphQL) and the simulator's counters, and
compares. It repairs nothing.
"""
