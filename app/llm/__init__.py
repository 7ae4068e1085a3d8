"""A model's provider: its dialects, failures and prices, and the limits that processes share."""
