"""The HTTP service: it translates, it decides nothing."""
