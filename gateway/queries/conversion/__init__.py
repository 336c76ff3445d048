"""Conversion of amounts between assets along the known rates.

A missing route is an error, never a guess.
"""
