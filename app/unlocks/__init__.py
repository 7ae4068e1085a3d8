"""Sell: reserve the coins of a category and queue its job, in one statement."""
