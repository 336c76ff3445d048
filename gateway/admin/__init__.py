"""The admin API: keys and the audit log, on a listener of its own."""
