"""State that replicas share: request budgets, cooldowns and tick claims, in Redis or in process."""
