"""Exports of messengers, each read into one `Transcript`."""
