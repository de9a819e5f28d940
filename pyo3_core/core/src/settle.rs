//! Whole columns of receipts and of book lines.

use crate::Error;
use crate::keccak::{Kernel, LEGS, Lanes, Work};
use crate::liens::WHOLE_BPS;
use crate::register::require_length;

/// The bits of a fraction behind the point. For an amount of 32 bits it is exact: rounded up, it is too large by less than
/// 2^-46, so that the part of an amount is too large by less than 2^-14, which is less than a ten-thousandth.
const FRACTION_BITS: u32 = 46;

/// Agreements as slices of 10,000 basis points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreements {
    /// Where each leg of each agreement ends, in basis points.
    ends: Vec<Vec<u64>>,
    /// How many legs each agreement has.
    counts: Vec<usize>,
    /// Where the legs end, for agreements of at most [`LEGS`] legs.
    short: Vec<Short>,
}

/// Where up to [`LEGS`] legs end, as fractions of [`FRACTION_BITS`] bits, rounded up, in two words whose products with an
/// amount of 32 bits fit in 64; from the last leg on the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Short {
    high: [u64; LEGS],
    low: [u64; LEGS],
}

impl Agreements {
    /// S3: takes the legs of each agreement in basis points.
    ///
    /// # Errors
    /// [`Error::LegsNotWhole`].
    pub fn new(legs: &[Vec<u64>]) -> Result<Self, Error> {
        let mut agreements = Self { ends: Vec::new(), counts: Vec::new(), short: Vec::new() };
        for legs in legs {
            let total: u128 = legs.iter().copied().map(u128::from).sum();
            if total != WHOLE_BPS {
                return Err(Error::LegsNotWhole { total_bps: total });
            }
            let mut end = 0;
            let ends: Vec<u64> = legs
                .iter()
                .map(|leg| {
                    end += leg;
                    end
                })
                .collect();
            let fraction = |leg: usize| {
                let end = ends.get(leg).copied().unwrap_or(10_000);
                (end << FRACTION_BITS).div_ceil(10_000)
            };
            agreements.short.push(Short {
                high: std::array::from_fn(|leg| fraction(leg) >> 32),
                low: std::array::from_fn(|leg| fraction(leg) & u64::from(u32::MAX)),
            });
            agreements.counts.push(ends.len());
            agreements.ends.push(ends);
        }
        Ok(agreements)
    }

    /// The number of legs that receipts of these agreements have together.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] if a receipt names an agreement that is not there.
    #[expect(clippy::missing_panics_doc, reason = "what was found once is found again")]
    pub fn legs_of(&self, agreement: &[u32]) -> Result<usize, Error> {
        // Checked once, so that adding up need not be.
        let most = self.counts.iter().copied().max().unwrap_or_default();
        if agreement.len().checked_mul(most).is_none() {
            let limit = u64::MAX / agreement.len() as u64;
            return Err(Error::OutOfRange { what: "legs", index: 0, value: most as u64, limit });
        }
        Lanes::best().run(Legs { counts: &self.counts, agreement }).ok_or_else(|| {
            let unknown = |&named: &u32| named as usize >= self.counts.len();
            let index = agreement.iter().position(unknown).expect("one of them");
            let (value, limit) = (agreement[index].into(), self.counts.len() as u64);
            Error::OutOfRange { what: "agreement", index: index as u64, value, limit }
        })
    }

    /// S2, S3: splits each of `amounts` among the legs of its `agreement`, one receipt after the other, each exactly.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::OutOfRange`].
    pub fn split(&self, amounts: &[u64], agreement: &[u32], shares: &mut [u64]) -> Result<(), Error> {
        require_length("agreement", amounts.len(), agreement.len())?;
        let rows = shares.len();
        match Lanes::best().run(Split { agreements: self, amounts, agreement, shares }) {
            Some(legs) if legs == rows => Ok(()),
            // Told by looking again: it hardly ever happens.
            _ => require_length("shares", self.legs_of(agreement)?, rows),
        }
    }
}

/// Adds up how many legs the receipts have.
struct Legs<'a> {
    counts: &'a [usize],
    agreement: &'a [u32],
}

impl Work for Legs<'_> {
    /// The legs, if every receipt has an agreement.
    type Output = Option<usize>;

    #[inline(always)]
    fn run<const N: usize, K: Kernel<N>>(self, _: K) -> Option<usize> {
        let mut legs = 0;
        // Without a way out of the inner loops, so that they are done in vectors.
        for agreement in self.agreement.chunks(1_024) {
            let largest = agreement.iter().fold(0, |largest, &named| largest.max(named));
            if largest as usize >= self.counts.len() {
                return None;
            }
            let count = |&named: &u32| self.counts.get(named as usize).copied().unwrap_or_default();
            legs = agreement.iter().map(count).fold(legs, usize::wrapping_add);
        }
        Some(legs)
    }
}

struct Split<'a> {
    agreements: &'a Agreements,
    amounts: &'a [u64],
    agreement: &'a [u32],
    shares: &'a mut [u64],
}

impl Work for Split<'_> {
    /// The legs that were filled in, if all had an agreement and a place.
    type Output = Option<usize>;

    #[inline(always)]
    fn run<const N: usize, K: Kernel<N>>(self, kernel: K) -> Option<usize> {
        let mut at = 0;
        for (&amount, &agreement) in self.amounts.iter().zip(self.agreement) {
            let count = *self.agreements.counts.get(agreement as usize)?;
            let shares = self.shares.get_mut(at..)?;
            at += count;
            if let Ok(amount) = u32::try_from(amount)
                && count <= LEGS
                && let Some(shares) = shares.first_chunk_mut::<LEGS>()
            {
                // Without a branch on the number of legs: the next receipt writes over what is too much.
                let short = &self.agreements.short[agreement as usize];
                kernel.split::<FRACTION_BITS>(amount, &short.high, &short.low, shares);
                continue;
            }
            // An amount is `whole * 10000 + rest`; the product with the rest is below 10^8.
            let (whole, rest) = (amount / 10_000, amount % 10_000);
            let mut paid = 0;
            for (share, end) in shares.get_mut(..count)?.iter_mut().zip(&self.agreements.ends[agreement as usize]) {
                let paid_before = std::mem::replace(&mut paid, whole * end + rest * end / 10_000);
                *share = paid - paid_before;
            }
        }
        Some(at)
    }
}

/// S7: adds up the signed `amounts` of book lines by `account`, into the `low` and the `high` words of the nets: 128 bits,
/// two's complement, without a limit that lines in memory could reach.
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::OutOfRange`] if a line names an account that is not there.
pub fn net(account: &[u32], amounts: &[i64], low: &mut [u64], high: &mut [u64]) -> Result<(), Error> {
    require_length("amounts", account.len(), amounts.len())?;
    require_length("nets", low.len(), high.len())?;
    low.fill(0);
    high.fill(0);
    // A line adds to the low word as a signed number, and touches the high one only where that wraps: half the memory to
    // jump about in.
    for (index, (&account, &amount)) in account.iter().zip(amounts).enumerate() {
        let Some(net) = low.get_mut(account as usize) else {
            let (index, value, limit) = (index as u64, account.into(), low.len() as u64);
            return Err(Error::OutOfRange { what: "account", index, value, limit });
        };
        let (sum, wrapped) = net.cast_signed().overflowing_add(amount);
        *net = sum.cast_unsigned();
        if wrapped {
            let high = &mut high[account as usize];
            *high = high.wrapping_add_signed(amount.signum());
        }
    }
    for (low, high) in low.iter().zip(high) {
        *high = high.wrapping_sub(low >> 63);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The least amount that is divided.
    const FAST: u64 = 1 << 32;

    #[test]
    fn agreement_that_is_not_whole_is_refused() {
        assert_eq!(Agreements::new(&[vec![3_000, 6_999]]), Err(Error::LegsNotWhole { total_bps: 9_999 }));
        assert_eq!(Agreements::new(&[vec![]]), Err(Error::LegsNotWhole { total_bps: 0 }));
    }

    #[test]
    fn receipt_of_an_unknown_agreement_is_refused() {
        let agreements = Agreements::new(&[vec![10_000]]).unwrap();
        let refused = Error::OutOfRange { what: "agreement", index: 1, value: 1, limit: 1 };
        assert_eq!(agreements.split(&[1, 2], &[0, 1], &mut [0; 2]), Err(refused.clone()));
        assert_eq!(agreements.legs_of(&[0, 1]), Err(refused));
        assert_eq!(agreements.legs_of(&[0; 3_000]), Ok(3_000));
    }

    #[test]
    fn shares_without_a_place_or_too_many_places_are_refused() {
        let agreements = Agreements::new(&[vec![4_000, 6_000], vec![1_000; 10]]).unwrap();
        for (agreement, legs) in [([0, 0], 4), ([1, 0], 12), ([0, 1], 12)] {
            for places in (0..2 * legs).filter(|&places| places != legs) {
                let (expected, actual) = (legs as u64, places as u64);
                let refused = Error::LengthMismatch { what: "shares", expected, actual };
                assert_eq!(agreements.split(&[5, 1 << 40], &agreement, &mut vec![0; places]), Err(refused));
            }
        }
    }

    #[test]
    fn agreements_of_few_and_of_many_legs_split_alike() {
        let few = vec![3_000, 4_000, 3_000];
        let many = vec![1_000; 10];
        let amounts = [0, 1, 9_999, 10_000, u64::MAX, u64::MAX - 1, 123_456_789, FAST - 1, FAST, FAST + 1, 1 << 50];
        for legs in [vec![few.clone()], vec![many.clone(), few], vec![many]] {
            let agreements = Agreements::new(&legs).unwrap();
            for amount in amounts {
                for (name, legs) in (0..).zip(&legs) {
                    let mut split = vec![0; legs.len()];
                    agreements.split(&[amount], &[name], &mut split).unwrap();
                    assert_eq!(split, crate::shares(amount, legs, crate::Stage::Closed).unwrap());
                }
            }
        }
    }

    #[test]
    fn line_of_an_unknown_account_is_refused_wherever_it_stands() {
        for lines in [1, 8, 9, 20] {
            for index in 0..lines {
                let mut account = vec![1; lines];
                account[index] = 2;
                let refused = Error::OutOfRange { what: "account", index: index as u64, value: 2, limit: 2 };
                assert_eq!(net(&account, &vec![1; lines], &mut [0; 2], &mut [0; 2]), Err(refused));
            }
        }
    }

    #[test]
    fn nets_exceed_64_bits_on_both_sides() {
        let (mut low, mut high) = ([9; 3], [9; 3]);
        let amounts = [i64::MAX, i64::MAX, i64::MIN, i64::MIN, -5, i64::MAX];
        net(&[0, 0, 1, 1, 2, 0], &amounts, &mut low, &mut high).unwrap();
        let value = |net: usize| (u128::from(high[net]) << 64 | u128::from(low[net])).cast_signed();
        assert_eq!([0, 1, 2].map(value), [3 * i128::from(i64::MAX), 2 * i128::from(i64::MIN), -5]);
        let refused = Error::OutOfRange { what: "account", index: 1, value: 3, limit: 3 };
        assert_eq!(net(&[0, 3], &[1, 1], &mut low, &mut high), Err(refused));
    }
}
