"""The GraphQL schema: types, arguments and error codes over the plain values of the gateway."""
