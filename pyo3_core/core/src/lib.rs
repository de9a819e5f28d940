//! The arithmetic of the Gongsheng Ledger: who is entitled to which fen, and how a million holders fit into one hash.
//!
//! Every rule is stated first in `tests/model.py` and has a number there: S for sharing ([`shares`]), R for registers
//! ([`register`]), A for allocation ([`allocate()`]), L for liens ([`liens`]). This crate is pure: no Python, no I/O, no
//! clock, no floating point. Amounts are whole fen or kilograms; every division rounds down.

#![deny(unsafe_code)] // Allowed in one module: keccak::lanes.

pub mod allocate;
mod error;
mod fraction;
pub mod keccak;
pub mod liens;
pub mod openzeppelin;
pub mod register;
pub mod settle;
pub mod shares;
pub mod stored;
mod tree;

pub use allocate::allocate;
pub use error::{Error, Refusal};
pub use keccak::Lanes;
pub use register::{Account, Hash, Leaf, Part, Plan, Register, Tree, Weights, verify};
pub use shares::{Slice, Stage, shares};
pub use tree::node_words;
