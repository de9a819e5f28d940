//! What the world may do and the core does not answer.

use std::fmt;

use crate::register::Hash;

/// A refusal; it carries the values that were wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// There is nobody to share with: the weights add up to zero.
    TotalIsZero,
    /// A slice ends behind the total it is a slice of.
    WeightAboveTotal {
        /// Where the slice begins.
        before: u128,
        /// How long the slice is.
        weight: u128,
        /// Where the slice must have ended.
        total: u128,
    },
    /// The legs of an agreement do not add up to 10,000 basis points.
    LegsNotWhole {
        /// What they add up to.
        total_bps: u128,
    },
    /// Two weights add up to more than 128 bits.
    SumOverflow {
        /// The weight of the left subtree.
        left: u128,
        /// The weight of the right subtree.
        right: u128,
    },
    /// A leaf belongs to nobody.
    ZeroAccount {
        /// The position of the leaf.
        index: u64,
    },
    /// Something has not the length it must have.
    LengthMismatch {
        /// What was measured.
        what: &'static str,
        /// The length it must have.
        expected: u64,
        /// The length it has.
        actual: u64,
    },
    /// A file does not begin like one of a register.
    NotARegister,
    /// A row names something that is not there.
    OutOfRange {
        /// What is named.
        what: &'static str,
        /// The row that names it.
        index: u64,
        /// The name it gives.
        value: u64,
        /// What the name must be below.
        limit: u64,
    },
    /// The register has fewer leaves.
    NoSuchLeaf {
        /// The leaf asked for.
        index: u64,
        /// The number of leaves.
        count: u64,
    },
    /// A proof does not show that the leaf is in the register.
    ProofRefused(Refusal),
    /// A cumulative figure is lower after a claim than before.
    IncomeFell {
        /// The figure before the claim.
        before: u128,
        /// The figure after the claim.
        after: u128,
    },
    /// More than the whole of one income is pledged.
    PledgedAboveWhole {
        /// The sum of all liens in basis points.
        bps: u128,
    },
}

/// Why a proof is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No register has this number of leaves.
    Count(u64),
    /// The register has fewer leaves.
    Index(u64),
    /// The proof of this leaf has not this length in bytes.
    Length(u64),
    /// This sum of a sibling makes the sum of its parent too large for 128 bits.
    Sum(u128),
    /// The proof leads to this root.
    Root(Hash),
}

impl Refusal {
    /// The reason in one word.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Count(_) => "count",
            Self::Index(_) => "index",
            Self::Length(_) => "length",
            Self::Sum(_) => "sum",
            Self::Root(_) => "root",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TotalIsZero => f.write_str("the total of the weights is zero"),
            Self::WeightAboveTotal { before, weight, total } => {
                write!(f, "the slice of {weight} after {before} ends above the total {total}")
            }
            Self::LegsNotWhole { total_bps } => {
                write!(f, "the legs add up to {total_bps} basis points, not to 10000")
            }
            Self::SumOverflow { left, right } => write!(f, "{left} + {right} is above {}", u128::MAX),
            Self::ZeroAccount { index } => write!(f, "leaf {index} belongs to the zero account"),
            Self::LengthMismatch { what, expected, actual } => write!(f, "{what}: expected {expected}, got {actual}"),
            Self::NotARegister => f.write_str("the file is not one of a register"),
            Self::OutOfRange { what, index, value, limit } => {
                write!(f, "the {what} of row {index} is {value}, which is not below {limit}")
            }
            Self::NoSuchLeaf { index, count } => write!(f, "there is no leaf {index} among {count}"),
            Self::ProofRefused(refusal) => write!(f, "the proof is refused for its {refusal}"),
            Self::IncomeFell { before, after } => write!(f, "cumulative income fell from {before} to {after}"),
            Self::PledgedAboveWhole { bps } => {
                write!(f, "{bps} basis points of one income are pledged, the whole is 10000")
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.reason())?;
        match self {
            Self::Count(value) | Self::Index(value) | Self::Length(value) => write!(f, "{value}"),
            Self::Sum(value) => write!(f, "{value}"),
            Self::Root(hash) => {
                f.write_str("0x")?;
                hash.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

impl std::error::Error for Error {}
