//! The hash of Ethereum. The one place to change when a faster kernel comes.

use sha3::{Digest, Keccak256};

/// Hashes `data` with Keccak-256, as Solidity's `keccak256` does.
#[must_use]
pub fn keccak256(data: &[u8]) -> [u8; 32] {
    Keccak256::digest(data).into()
}
