"""Kernel shared by pipeline and gateway: values, wire format, Redis keys, errors.

Does no I/O.
"""
