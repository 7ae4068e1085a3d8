"""The insights of each category, written from the facts of `measures`."""
