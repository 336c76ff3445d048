"""Queries as plain values and their answers, read from `gateway.state`.

Knows no GraphQL and no transport.
"""
