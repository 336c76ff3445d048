"""Tracked instruments per source: table, migrations, seed."""
