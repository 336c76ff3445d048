"""Kernel shared by pipeline and gateway: plain values, their wire format, Redis keys, errors. Does no I/O."""
