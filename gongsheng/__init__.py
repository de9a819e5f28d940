"""The command line: every job that a person does is a command here.

It is the one place where oracles and ledger meet off chain.
"""
