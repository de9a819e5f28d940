//! Pure core of the ledger.
