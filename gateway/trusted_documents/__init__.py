"""Documents that requests name by an identifier.

Those of the operator's manifests, and those that clients register.
"""
