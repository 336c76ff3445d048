"""The fault drill: every fault for every source it applies to, walked through against the whole embedded system.

Composition and judgement only: it starts the simulator and the embedded system, reads what any client can read (GraphQL) and
what the simulator counted, and compares. It repairs nothing.
"""
