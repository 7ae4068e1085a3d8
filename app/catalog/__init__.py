"""What is sold: categories, prices, prompts, and the form of an insight."""
