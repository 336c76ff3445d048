"""Live queries: which subscribers share a payload, what is due to them, and when.

Knows no GraphQL and no transport.
"""
