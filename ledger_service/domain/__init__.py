"""The words and rules of the ledger. No framework, no SQL, no web3."""
