//! The one rule for sharing money: legs of an agreement and holders of a register own slices of a total.

use ruint::aliases::U256;

use crate::Error;
use crate::fraction::{Parts, scale, scale_short};
use crate::keccak::{Kernel, Lanes, Work};
use crate::register::require_length;

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
    let mut shares = vec![0; weights.len()];
    share(income, weights, sum(weights), stage, 1, &mut shares)?;
    Ok(shares)
}

/// The sum of a column, which has less than 2^64 rows.
#[must_use]
#[inline(always)]
pub fn sum(column: &[u64]) -> u128 {
    // In pieces whose sum of low halves and of high halves fits in 64 bits: neither wraps, and without the question whether
    // they do, many are added up at once.
    let pieces = column.chunks(1 << 20).map(|piece| {
        let (low, high) = piece.iter().fold((0_u64, 0_u64), |(low, high), value| {
            (low.wrapping_add(value & u64::from(u32::MAX)), high.wrapping_add(value >> 32))
        });
        (u128::from(high) << 32) + u128::from(low)
    });
    pieces.sum()
}

/// [`shares`] into a column that is there, when the `total` of the weights is known, by any number of threads.
///
/// # Errors
/// [`Error::TotalIsZero`], [`Error::WeightAboveTotal`] if the weights add up to more than `total`,
/// [`Error::LengthMismatch`].
#[expect(clippy::missing_panics_doc, reason = "neither adding up nor sharing panics")]
pub fn share(
    income: u64,
    weights: &[u64],
    total: u128,
    stage: Stage,
    threads: usize,
    shares: &mut [u64],
) -> Result<(), Error> {
    if threads <= 1 || weights.len() < threads {
        return share_from(income, 0, weights, total, stage, shares);
    }
    require_length("shares", weights.len(), shares.len())?;
    let each = weights.len().div_ceil(threads);
    std::thread::scope(|scope| {
        let sums: Vec<_> = weights.chunks(each).map(|weights| scope.spawn(|| sum(weights))).collect();
        let sums = sums.into_iter().map(|sum| sum.join().expect("adding up does not panic"));
        let mut end = 0;
        let starts: Vec<u128> = sums
            .map(|sum| {
                end += sum;
                end - sum
            })
            .collect();
        let columns = weights.chunks(each).zip(shares.chunks_mut(each)).zip(starts);
        let running = columns.map(|((weights, shares), before)| {
            scope.spawn(move || share_from(income, before, weights, total, stage, shares))
        });
        let running: Vec<_> = running.collect();
        running.into_iter().try_for_each(|shard| shard.join().expect("sharing does not panic"))
    })
}

/// [`share`] for one shard of the weights: those that begin `before`.
///
/// # Errors
/// [`Error::TotalIsZero`], [`Error::WeightAboveTotal`], [`Error::LengthMismatch`].
pub fn share_from(
    income: u64,
    before: u128,
    weights: &[u64],
    total: u128,
    stage: Stage,
    shares: &mut [u64],
) -> Result<(), Error> {
    require_length("shares", weights.len(), shares.len())?;
    Lanes::best().run(Shard { income, total, column: Column { before, weights, shares, stage } })
}

struct Shard<'a> {
    income: u64,
    total: u128,
    column: Column<'a>,
}

impl Work for Shard<'_> {
    type Output = Result<(), Error>;

    #[inline(always)]
    fn run<const N: usize, K: Kernel<N>>(self, _: K) -> Self::Output {
        self.column.fill(self.income, self.total)
    }
}

/// A shard of a column that is being shared.
struct Column<'a> {
    before: u128,
    weights: &'a [u64],
    shares: &'a mut [u64],
    stage: Stage,
}

impl Column<'_> {
    /// Fills the shares of `income`.
    #[inline(always)]
    fn fill(self, income: u64, total: u128) -> Result<(), Error> {
        if total == 0 {
            return Err(Error::TotalIsZero);
        }
        let (before, weights) = (self.before, self.weights);
        let within = before <= total
            && match Parts::new(income, total) {
                Parts::Short { fraction } => self.fill_narrow(total, |x| scale_short(fraction, x)),
                Parts::ShortTimes { times, fraction } => {
                    self.fill_narrow(total, |x| times.wrapping_mul(x).wrapping_add(scale_short(fraction, x)))
                }
                Parts::Fraction { high, low } => self.fill_narrow(total, |x| scale(high, low, x)),
                Parts::Times { times, high, low } => {
                    self.fill_narrow(total, |x| times.wrapping_mul(x).wrapping_add(scale(high, low, x)))
                }
                parts @ Parts::Wide { .. } => {
                    let fits = before.checked_add(sum(weights)).is_some_and(|end| end <= total);
                    if fits {
                        self.fill_wide(parts);
                    }
                    fits
                }
            };
        if within { Ok(()) } else { Err(Error::WeightAboveTotal { before, weight: sum(weights), total }) }
    }

    /// Fills the shares from parts of 64 bits. Returns whether the slices lie within the total; if not, what was filled in
    /// means nothing.
    #[inline(always)]
    fn fill_narrow(self, total: u128, part: impl Fn(u64) -> u64) -> bool {
        let rows = self.shares.iter_mut().zip(self.weights);
        let mut end = narrow(self.before);
        let mut wrapped = false;
        match self.stage {
            Stage::Open => {
                for (share, &weight) in rows {
                    *share = part(weight);
                    let (next, over) = end.overflowing_add(weight);
                    (end, wrapped) = (next, wrapped | over);
                }
            }
            Stage::Closed => {
                let mut paid = part(end);
                for (share, &weight) in rows {
                    let (next, over) = end.overflowing_add(weight);
                    (end, wrapped) = (next, wrapped | over);
                    let paid_before = paid;
                    paid = part(end);
                    *share = paid.wrapping_sub(paid_before);
                }
            }
        }
        !wrapped && u128::from(end) <= total
    }

    /// Fills the shares of a total of more than 64 bits.
    fn fill_wide(self, parts: Parts) {
        let rows = self.shares.iter_mut().zip(self.weights);
        match self.stage {
            Stage::Open => rows.for_each(|(share, &weight)| *share = parts.at(weight.into())),
            Stage::Closed => {
                let mut end = self.before;
                let mut paid = parts.at(end);
                for (share, &weight) in rows {
                    end += u128::from(weight);
                    let paid_before = paid;
                    paid = parts.at(end);
                    *share = paid - paid_before;
                }
            }
        }
    }
}

/// The shares of weights of 128 bits, which add up to `total` above zero.
pub(crate) fn wide_column(income: u64, weights: &[u128], total: u128, stage: Stage) -> Vec<u64> {
    let parts = Parts::new(income, total);
    let (mut end, mut paid) = (0, 0);
    let share = |&weight: &u128| match stage {
        Stage::Open => parts.at(weight),
        Stage::Closed => {
            end += weight;
            let paid_before = std::mem::replace(&mut paid, parts.at(end));
            paid - paid_before
        }
    };
    weights.iter().map(share).collect()
}

/// Divides every receipt among holders of its own: receipt `i` of `incomes` among the weights from `offsets[i]` to
/// `offsets[i + 1]`. Like [`shares`] for each, one after the other.
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::OutOfRange`] if the offsets do not rise from zero to the number of weights,
/// [`Error::TotalIsZero`].
pub fn share_ragged(
    incomes: &[u64],
    offsets: &[u64],
    weights: &[u64],
    stage: Stage,
    shares: &mut [u64],
) -> Result<(), Error> {
    require_length("shares", weights.len(), shares.len())?;
    let runs = runs(incomes.len(), offsets, weights.len())?;
    Lanes::best().run(Ragged { incomes, runs, weights, stage, shares })
}

struct Ragged<'a, R> {
    incomes: &'a [u64],
    runs: R,
    weights: &'a [u64],
    stage: Stage,
    shares: &'a mut [u64],
}

impl<R: Iterator<Item = std::ops::Range<usize>>> Work for Ragged<'_, R> {
    type Output = Result<(), Error>;

    #[inline(always)]
    fn run<const N: usize, K: Kernel<N>>(self, _: K) -> Self::Output {
        for (&income, run) in self.incomes.iter().zip(self.runs) {
            let (weights, shares) = (&self.weights[run.clone()], &mut self.shares[run]);
            Column { before: 0, weights, shares, stage: self.stage }.fill(income, sum(weights))?;
        }
        Ok(())
    }
}

/// The runs of rows between `count + 1` offsets, which rise from zero to the number of rows.
pub(crate) fn runs(
    count: usize,
    offsets: &[u64],
    rows: usize,
) -> Result<impl Iterator<Item = std::ops::Range<usize>>, Error> {
    require_length("offsets", count + 1, offsets.len())?;
    let (first, last) = (offsets[0], offsets[count]);
    let wrong = |index: usize, limit: u64| Error::OutOfRange {
        what: "offset",
        index: index as u64,
        value: offsets[index],
        limit,
    };
    if first != 0 {
        return Err(wrong(0, 1));
    }
    if let Some(index) = offsets.windows(2).position(|pair| pair[0] > pair[1]) {
        return Err(wrong(index, offsets[index + 1] + 1));
    }
    require_length("rows", usize::try_from(last).unwrap_or(usize::MAX), rows)?;
    // No offset is above the number of rows, so each is a position in memory.
    let position = |offset: u64| usize::try_from(offset).expect("below the number of rows");
    Ok(offsets.windows(2).map(move |pair| position(pair[0])..position(pair[1])))
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
