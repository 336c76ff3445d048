"""Simulated exchanges on loopback, with generated or replayed prices, always labelled."""
