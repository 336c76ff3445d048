"""Benchmarks of real processes over a real Redis on this machine: `make bench`."""
