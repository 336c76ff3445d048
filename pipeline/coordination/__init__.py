"""State that replicas share, in Redis or in process: request budgets, cooldowns, tick claims."""
