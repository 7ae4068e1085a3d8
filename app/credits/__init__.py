"""The ledger: accounts, reservations, entries, and the invariants that hold between them."""
