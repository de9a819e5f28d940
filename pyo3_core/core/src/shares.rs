//! The one rule for sharing money: legs of an agreement and holders of a register own slices of a total.

use ruint::aliases::U256;

use crate::Error;

/// Whether more income may still arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Income may arrive: everyone is entitled to their part rounded down, and the odd fen wait.
    Open,
    /// No more income arrives: the slices add up to exactly the income.
    Closed,
}

/// The slice `[before, before + weight)` of `total`. It lies within the total, which is not zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    before: u128,
    weight: u128,
    total: u128,
}

impl Slice {
    /// A slice of `total`.
    ///
    /// # Errors
    /// [`Error::TotalIsZero`], [`Error::WeightAboveTotal`].
    pub fn new(before: u128, weight: u128, total: u128) -> Result<Self, Error> {
        if total == 0 {
            return Err(Error::TotalIsZero);
        }
        match before.checked_add(weight) {
            Some(end) if end <= total => Ok(Self { before, weight, total }),
            _ => Err(Error::WeightAboveTotal { before, weight, total }),
        }
    }

    /// Where the slice begins.
    #[must_use]
    pub fn before(&self) -> u128 {
        self.before
    }

    /// How long the slice is.
    #[must_use]
    pub fn weight(&self) -> u128 {
        self.weight
    }

    /// What it is a slice of.
    #[must_use]
    pub fn total(&self) -> u128 {
        self.total
    }

    /// What the owner is entitled to of `income`: S1 while open, S2 once closed.
    ///
    /// The open figure never falls when income grows, and the closed figure is never below the open one.
    #[must_use]
    pub fn entitled(&self, income: u128, stage: Stage) -> u128 {
        match stage {
            Stage::Open => part_down(income, self.weight, self.total),
            Stage::Closed => {
                let end = self.before + self.weight;
                part_down(income, end, self.total) - part_down(income, self.before, self.total)
            }
        }
    }
}

/// What the owner of each of `weights` is entitled to of `income`; the slices follow each other and fill the total.
///
/// # Errors
/// [`Error::TotalIsZero`] if the weights add up to nothing.
pub fn shares(income: u64, weights: &[u64], stage: Stage) -> Result<Vec<u64>, Error> {
    let total = weights.iter().copied().map(u128::from).sum();
    if total == 0 {
        return Err(Error::TotalIsZero);
    }
    Ok(column(income, weights.iter().copied().map(u128::from), total, stage))
}

/// The shares of `weights`, which add up to `total` above zero.
pub(crate) fn column(income: u64, weights: impl ExactSizeIterator<Item = u128>, total: u128, stage: Stage) -> Vec<u64> {
    let income = u128::from(income);
    let count = weights.len();
    let entitled: Vec<u64> = match stage {
        Stage::Open => weights.map(|weight| narrow(part_down(income, weight, total))).collect(),
        Stage::Closed => {
            let mut before = 0;
            let mut paid = 0;
            weights
                .map(|weight| {
                    before += weight;
                    let paid_before = paid;
                    paid = part_down(income, before, total);
                    narrow(paid - paid_before)
                })
                .collect()
        }
    };
    debug_assert!({
        let shared: u128 = entitled.iter().copied().map(u128::from).sum();
        match stage {
            Stage::Open => shared <= income && income - shared < count as u128,
            Stage::Closed => shared == income,
        }
    });
    entitled
}

/// `floor(amount * part / whole)`, exactly, for a part that is not above the whole.
pub(crate) fn part_down(amount: u128, part: u128, whole: u128) -> u128 {
    debug_assert!(part <= whole, "a part is not above its whole");
    match amount.checked_mul(part) {
        Some(product) => product / whole,
        None => (U256::from(amount) * U256::from(part) / U256::from(whole)).to(),
    }
}

/// A share of a 64-bit amount in 64 bits.
pub(crate) fn narrow(share: u128) -> u64 {
    u64::try_from(share).expect("a share is not above the amount it is a share of")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slice_of_nothing_is_refused() {
        assert_eq!(Slice::new(0, 0, 0), Err(Error::TotalIsZero));
        assert_eq!(shares(1, &[], Stage::Open), Err(Error::TotalIsZero));
        assert_eq!(shares(1, &[0, 0], Stage::Closed), Err(Error::TotalIsZero));
    }

    #[test]
    fn slice_that_ends_just_above_its_total_is_refused() {
        assert_eq!(Slice::new(3, 2, 4), Err(Error::WeightAboveTotal { before: 3, weight: 2, total: 4 }));
        let max = u128::MAX;
        assert_eq!(Slice::new(max, 1, max), Err(Error::WeightAboveTotal { before: max, weight: 1, total: max }));
        assert!(Slice::new(2, 2, 4).is_ok());
        assert!(Slice::new(max, 0, max).is_ok());
    }

    #[test]
    fn odd_fen_wait_while_open_and_are_shared_once_closed() {
        assert_eq!(shares(100, &[1, 1, 1], Stage::Open).unwrap(), [33, 33, 33]);
        assert_eq!(shares(100, &[1, 1, 1], Stage::Closed).unwrap(), [33, 33, 34]);
    }

    #[test]
    fn part_of_the_largest_amount_needs_256_bits() {
        let max = u128::MAX;
        assert_eq!(part_down(max, max, max), max);
        assert_eq!(part_down(max, max - 1, max), max - 1);
        assert_eq!(part_down(max, 1 << 127, max), 1 << 127);
        assert_eq!(part_down(max - 1, max - 1, max), max - 2);
    }
}
