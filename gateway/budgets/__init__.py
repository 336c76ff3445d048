"""Budgets of clients: what they may spend on queries and streams, and how they learn of it."""
