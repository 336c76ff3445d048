"""The exchanges' own wire protocols on loopback: generated prices or a replayed recording, always labelled as such."""
