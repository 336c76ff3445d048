"""Which instruments are tracked from which source: the table, its migrations, its seed."""
