"""Insights written from the facts of `measures`, each claim with the messages that bear it out."""
