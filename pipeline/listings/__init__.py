"""Keeps the tracked instruments in line with what their sources list: the halted ones leave by themselves and come back."""
