"""Live queries: which subscribers share an execution, what is due to them and when. Knows no GraphQL and no transport."""
