"""Three reporters with their keys, and the officers of a chain that knows them."""

from eth_account import Account

FEED = "carbon-kg"
WINDOW = 60
NAMES = {"operator-1": 1, "operator-2": 1, "verifier": 2}
KEYS = {name: Account.from_key(bytes([index + 1]) * 32) for index, name in enumerate((*NAMES, "deployer", "committee"))}
NOW = 1_752_105_600
"""Ten days after the period was over."""
