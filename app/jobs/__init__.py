"""The engine: claim under a lease, run, settle, recover; where a charge is decided."""
