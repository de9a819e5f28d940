"""The only place with web3: compiler, artefacts, embedded chain, deployment, client and typed events."""
