"""Facts of an annotated transcript: who writes when, answers, quarrels, promises."""
