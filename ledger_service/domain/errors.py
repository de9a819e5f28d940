"""What the world may do wrong. Every error carries its facts as attributes and says them in Chinese and English."""


class LedgerError(Exception):
    """The base of all errors that a person is meant to read."""
