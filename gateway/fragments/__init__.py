"""Answers assembled from rates that are encoded once: work is keyed by selection and rate, not by document and reader."""
