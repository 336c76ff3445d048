"""Kernel that pipeline and gateway share: plain values, their wire form, names and errors. No I/O, no third-party client."""
