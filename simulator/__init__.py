"""Simulated exchanges on loopback: their wire protocols with generated or replayed prices, always labelled."""
