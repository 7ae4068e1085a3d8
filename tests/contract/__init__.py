"""Every call against its description: generated requests, all checks of Schemathesis."""
