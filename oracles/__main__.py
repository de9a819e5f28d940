"""`python -m oracles …`: the commands of `gongsheng oracle`, without the ledger around them: what a reporter runs."""

from oracles.commands import app

app(prog_name="python -m oracles")
