"""Everything that is stored of a user, as one archive that is written while it is read."""
