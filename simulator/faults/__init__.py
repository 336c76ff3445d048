"""Faults on demand: what can go wrong with a source, switched on and off while the simulator runs.

The exchanges' own wire code knows nothing of it: data is disturbed by a market around the market (`world.py`), answers by an
application around the application (`http.py`), connections where they are opened (`lines.py`).
"""
