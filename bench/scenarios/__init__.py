"""The scenarios of the benchmarks."""
