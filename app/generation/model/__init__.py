"""The generator that asks a model: what it is shown, what is redacted, what it is asked."""
