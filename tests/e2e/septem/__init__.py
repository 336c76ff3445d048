"""Septem, a made-up exchange: a source that is not in the project, for the test of how one is added."""
