//! Whole columns of receipts and of book lines.

use crate::Error;
use crate::keccak::{Kernel, Lanes, Work};
use crate::liens::WHOLE_BPS;
use crate::register::require_length;
use crate::shares::narrow;

/// Legs that are written at once, whether an agreement has as many or not.
const LEGS: usize = 4;

/// Agreements as slices of 10,000 basis points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreements {
    /// The number of legs of each agreement.
    counts: Vec<usize>,
    /// Where each leg ends, in tens of thousandths, for every agreement as many as the longest has and a multiple of
    /// [`LEGS`]; behind the last leg the whole stands.
    ends: Vec<u64>,
    /// The number of ends of each agreement.
    width: usize,
}

impl Agreements {
    /// S3: takes the legs of each agreement in basis points.
    ///
    /// # Errors
    /// [`Error::LegsNotWhole`].
    pub fn new(legs: &[Vec<u64>]) -> Result<Self, Error> {
        let width = legs.iter().map(Vec::len).max().unwrap_or(0).next_multiple_of(LEGS);
        let mut ends = Vec::with_capacity(width * legs.len());
        for legs in legs {
            let total: u128 = legs.iter().copied().map(u128::from).sum();
            if total != WHOLE_BPS {
                return Err(Error::LegsNotWhole { total_bps: total });
            }
            let mut end = 0;
            ends.extend((0..width).map(|leg| {
                end += legs.get(leg).copied().unwrap_or(0);
                end
            }));
        }
        Ok(Self { counts: legs.iter().map(Vec::len).collect(), ends, width })
    }

    /// The number of legs that receipts of these agreements have together.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] if a receipt names an agreement that is not there.
    pub fn legs_of(&self, agreement: &[u32]) -> Result<usize, Error> {
        let mut legs = 0;
        for (index, &named) in agreement.iter().enumerate() {
            let Some(count) = self.counts.get(named as usize) else {
                let (index, value, limit) = (index as u64, named.into(), self.counts.len() as u64);
                return Err(Error::OutOfRange { what: "agreement", index, value, limit });
            };
            legs += count;
        }
        Ok(legs)
    }

    /// S2, S3: splits each of `amounts` among the legs of its `agreement`, one receipt after the other, each exactly.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::OutOfRange`].
    pub fn split(&self, amounts: &[u64], agreement: &[u32], shares: &mut [u64]) -> Result<(), Error> {
        require_length("agreement", amounts.len(), agreement.len())?;
        require_length("shares", self.legs_of(agreement)?, shares.len())?;
        if !shares.is_empty() {
            Lanes::best().run(Split { agreements: self, amounts, agreement, shares });
        }
        Ok(())
    }
}

struct Split<'a> {
    agreements: &'a Agreements,
    amounts: &'a [u64],
    agreement: &'a [u32],
    shares: &'a mut [u64],
}

/// `floor(amount * end / 10000)` for an amount that is `whole * 10000 + rest`; the second product is below 10^8.
#[inline(always)]
fn part_of(whole: u64, rest: u64, end: u64) -> u64 {
    whole * end + rest * end / 10_000
}

impl Work for Split<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const N: usize, K: Kernel<N>>(self, _: K) {
        let Agreements { counts, ends, width } = self.agreements;
        let mut at = 0;
        for (&amount, &agreement) in self.amounts.iter().zip(self.agreement) {
            let agreement = agreement as usize;
            let (whole, rest) = (amount / 10_000, amount % 10_000);
            let ends = &ends[agreement * width..][..*width];
            let shares = &mut self.shares[at..];
            at += counts[agreement];
            if *width == LEGS
                && let (Some(ends), Some(shares)) = (ends.first_chunk::<LEGS>(), shares.first_chunk_mut::<LEGS>())
            {
                // Without a branch on the number of legs: the next receipt writes over what is too much.
                let mut paid = [0; LEGS + 1];
                for leg in 0..LEGS {
                    paid[leg + 1] = part_of(whole, rest, ends[leg]);
                }
                for leg in 0..LEGS {
                    shares[leg] = paid[leg + 1].wrapping_sub(paid[leg]);
                }
                continue;
            }
            let mut paid = 0;
            for (share, &end) in shares.iter_mut().zip(&ends[..counts[agreement]]) {
                let paid_before = std::mem::replace(&mut paid, part_of(whole, rest, end));
                *share = paid - paid_before;
            }
        }
    }
}

/// S7: adds up the signed `amounts` of book lines by `account`, without a limit that lines of 64 bits could reach.
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::OutOfRange`] if a line names an account that is not there.
pub fn net(account: &[u32], amounts: &[i64], nets: &mut [[u64; 2]]) -> Result<(), Error> {
    require_length("amounts", account.len(), amounts.len())?;
    // The low word of each net is kept by itself: half the memory to jump about in. The high words are hardly touched.
    let mut low = vec![0_i64; nets.len()];
    let mut high = vec![0_i64; nets.len()];
    for (index, (&account, &amount)) in account.iter().zip(amounts).enumerate() {
        let Some(net) = low.get_mut(account as usize) else {
            let (index, value, limit) = (index as u64, account.into(), nets.len() as u64);
            return Err(Error::OutOfRange { what: "account", index, value, limit });
        };
        let (sum, wrapped) = net.overflowing_add(amount);
        *net = sum;
        if wrapped {
            high[account as usize] += amount.signum();
        }
    }
    for ((net, low), high) in nets.iter_mut().zip(low).zip(high) {
        let sum = i128::from(low) + (i128::from(high) << 64);
        let bits = sum.cast_unsigned();
        *net = [narrow(bits & u128::from(u64::MAX)), narrow(bits >> 64)];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agreement_that_is_not_whole_is_refused() {
        assert_eq!(Agreements::new(&[vec![3_000, 6_999]]), Err(Error::LegsNotWhole { total_bps: 9_999 }));
        assert_eq!(Agreements::new(&[vec![]]), Err(Error::LegsNotWhole { total_bps: 0 }));
    }

    #[test]
    fn receipt_of_an_unknown_agreement_is_refused() {
        let agreements = Agreements::new(&[vec![10_000]]).unwrap();
        let refused = Error::OutOfRange { what: "agreement", index: 1, value: 1, limit: 1 };
        assert_eq!(agreements.split(&[1, 2], &[0, 1], &mut [0; 2]), Err(refused));
    }

    #[test]
    fn agreements_of_few_and_of_many_legs_split_alike() {
        let few = vec![3_000, 4_000, 3_000];
        let many = vec![1_000; 10];
        let amounts = [0, 1, 9_999, 10_000, u64::MAX, u64::MAX - 1, 123_456_789];
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
    fn nets_exceed_64_bits_on_both_sides() {
        let mut nets = [[0; 2]; 3];
        net(&[0, 0, 1, 1, 2, 0], &[i64::MAX, i64::MAX, i64::MIN, i64::MIN, -5, i64::MAX], &mut nets).unwrap();
        let value = |[low, high]: [u64; 2]| (u128::from(high) << 64 | u128::from(low)).cast_signed();
        assert_eq!(nets.map(value), [3 * i128::from(i64::MAX), 2 * i128::from(i64::MIN), -5]);
        let refused = Error::OutOfRange { what: "account", index: 1, value: 3, limit: 3 };
        assert_eq!(net(&[0, 3], &[1, 1], &mut nets), Err(refused));
    }
}
