"""What a bank and an auditor ask: do chain, books and bank agree, is an income free, where does a fen come from."""
