"""The generated market: seeded random walks, driven by explicit time."""
