"""Entry point of `python -m ratewire`."""

from ratewire.cli import main

main()
