"""Septem, a made-up exchange.

A source that is not in the project, for the test of how one is added.
"""
