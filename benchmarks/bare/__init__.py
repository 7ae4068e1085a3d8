"""A job's effects by bare asyncpg: what the ceiling of the benchmark runs."""
