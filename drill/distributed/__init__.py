"""The drill of the distributed form: real servers and processes that are killed, frozen, cut off and misled."""
