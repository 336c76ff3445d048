"""What `ratewire watch` and `ratewire query` do: GraphQL over the network, like any other client."""
