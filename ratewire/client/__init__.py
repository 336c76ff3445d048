"""`ratewire watch` and `ratewire query`: clients of a gateway over the network."""
