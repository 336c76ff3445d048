"""The drill of the distributed form, on real servers and processes."""
