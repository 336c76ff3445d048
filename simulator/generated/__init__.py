"""A made-up market: random walks from a seed, driven by explicit time."""
