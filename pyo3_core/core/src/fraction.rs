//! Many parts of one amount without a division for each.

use crate::shares::{narrow, part_down};

/// The part `floor(amount * x / whole)` of one amount, for many `x` that are not above the whole.
///
/// With amount and whole of 64 bits each, `amount = times * whole + rest` and `rest / whole` becomes a fixed-point
/// fraction of 128 bits, rounded up. For every `x <= whole` the fraction is too large by less than `x / 2^128`, so
/// `fraction * x / 2^128` is too large by less than `whole^2 / 2^128 / whole <= 1 / whole`, which is the least distance
/// from below to the next whole number: rounded down it is exact, and needs no correction. For a whole of 32 bits a fraction
/// of 64 bits is exact for the same reason: it is too large by less than `whole / 2^64 <= 1 / whole`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Parts {
    /// The amount has 64 bits and is below the whole, which is at most 2^32.
    Short {
        /// The fraction.
        fraction: u64,
    },
    /// The amount has 64 bits and is not below the whole, which is at most 2^32.
    ShortTimes {
        /// How many times the whole goes into the amount.
        times: u64,
        /// The fraction for the rest.
        fraction: u64,
    },
    /// The amount has 64 bits and is below the whole, which has 64 bits.
    Fraction {
        /// The high word of the fraction.
        high: u64,
        /// The low word of the fraction.
        low: u64,
    },
    /// The amount has 64 bits and is not below the whole.
    Times {
        /// How many times the whole goes into the amount.
        times: u64,
        /// The high word of the fraction for the rest.
        high: u64,
        /// The low word of that fraction.
        low: u64,
    },
    /// The whole has more than 64 bits.
    Wide {
        /// What is divided.
        amount: u128,
        /// Among whom.
        whole: u128,
    },
}

impl Parts {
    /// Prepares the parts of `amount`; the whole is not zero.
    #[inline]
    pub(crate) fn new(amount: u64, whole: u128) -> Self {
        let Ok(divisor) = u64::try_from(whole) else {
            return Self::Wide { amount: amount.into(), whole };
        };
        let (times, rest) = (amount / divisor, amount % divisor);
        // ceil(rest * 2^128 / divisor), word by word; below 2^128 because the rest is below the divisor.
        let divide = |remainder: u64| {
            let dividend = u128::from(remainder) << 64;
            let quotient = narrow(dividend / u128::from(divisor));
            (quotient, low_word(dividend).wrapping_sub(quotient.wrapping_mul(divisor)))
        };
        let (high, remainder) = divide(rest);
        if divisor <= 1 << 32 {
            let fraction = high + u64::from(remainder > 0);
            return if times == 0 { Self::Short { fraction } } else { Self::ShortTimes { times, fraction } };
        }
        let (low, remainder) = divide(remainder);
        let fraction = (u128::from(high) << 64 | u128::from(low)) + u128::from(remainder > 0);
        let (high, low) = (low_word(fraction >> 64), low_word(fraction));
        if times == 0 { Self::Fraction { high, low } } else { Self::Times { times, high, low } }
    }

    /// The part of one `x`.
    #[inline]
    pub(crate) fn at(&self, x: u128) -> u64 {
        match *self {
            Self::Short { fraction } => scale_short(fraction, narrow(x)),
            Self::ShortTimes { times, fraction } => times * narrow(x) + scale_short(fraction, narrow(x)),
            Self::Fraction { high, low } => scale(high, low, narrow(x)),
            Self::Times { times, high, low } => times * narrow(x) + scale(high, low, narrow(x)),
            Self::Wide { amount, whole } => narrow(part_down(amount, x, whole)),
        }
    }
}

/// `floor(fraction * x / 2^128)`.
#[inline(always)]
pub(crate) fn scale(high: u64, low: u64, x: u64) -> u64 {
    let upper = u128::from(high) * u128::from(x);
    let lower = (u128::from(low) * u128::from(x)) >> 64;
    // Both together are below 2^128: high * x + lower < (2^64 - 1) * 2^64.
    (upper.wrapping_add(lower) >> 64) as u64
}

/// `floor(fraction * x / 2^64)`.
#[inline(always)]
pub(crate) fn scale_short(fraction: u64, x: u64) -> u64 {
    low_word((u128::from(fraction) * u128::from(x)) >> 64)
}

/// The low word of a number.
#[expect(clippy::cast_possible_truncation, reason = "this is what a low word is")]
#[inline(always)]
pub(crate) fn low_word(number: u128) -> u64 {
    number as u64
}
