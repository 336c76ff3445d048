"""The fast path: results assembled from rates that are encoded once per selection and version, byte-equal to plain execution."""
