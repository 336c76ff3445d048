"""State that replicas share, in Redis or in process: budgets, cooldowns and tick claims."""
