"""The fault campaign: the real product under kills, freezes, cuts and lost services."""
