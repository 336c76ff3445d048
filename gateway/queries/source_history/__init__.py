"""The recorded states and figures of a source."""
