"""Benchmarks that a user can run: `make bench`. Everything measured is a real process over a real Redis, on this machine."""
