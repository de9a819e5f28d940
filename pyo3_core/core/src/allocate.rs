//! Dividing whole units by largest remainder.

use std::cmp::Reverse;

use crate::Error;
use crate::shares::narrow;

/// Splits `amount` in proportion to `weights`, rounding every part down, then hands the left-over units, one each, to the
/// largest remainders (ties: lowest index).
///
/// The parts always add up to exactly `amount`. Bring the weights in an order that everyone can repeat.
///
/// # Errors
/// [`Error::TotalIsZero`] if the weights add up to nothing.
#[expect(clippy::missing_panics_doc, reason = "fewer units are left than there are weights")]
pub fn allocate(amount: u64, weights: &[u64]) -> Result<Vec<u64>, Error> {
    let total: u128 = weights.iter().copied().map(u128::from).sum();
    if total == 0 {
        return Err(Error::TotalIsZero);
    }
    let (mut allocated, remainders): (Vec<u64>, Vec<u128>) = weights
        .iter()
        .map(|&weight| {
            let product = u128::from(amount) * u128::from(weight);
            (narrow(product / total), product % total)
        })
        .unzip();

    // Each remainder is below the total, so fewer units are left than there are weights.
    let left = usize::try_from(amount - allocated.iter().sum::<u64>()).expect("fewer than there are weights");
    let mut by_remainder: Vec<usize> = (0..weights.len()).collect();
    by_remainder.select_nth_unstable_by_key(left, |&index| (Reverse(remainders[index]), index));
    for &index in &by_remainder[..left] {
        allocated[index] += 1;
    }

    debug_assert_eq!(allocated.iter().sum::<u64>(), amount);
    Ok(allocated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allocating_among_nobody_is_refused() {
        assert_eq!(allocate(0, &[]), Err(Error::TotalIsZero));
        assert_eq!(allocate(1, &[0, 0]), Err(Error::TotalIsZero));
    }

    #[test]
    fn odd_unit_goes_to_the_largest_remainder() {
        assert_eq!(allocate(10, &[3, 3, 3, 1]).unwrap(), [3, 3, 3, 1]);
        assert_eq!(allocate(11, &[10, 20, 25]).unwrap(), [2, 4, 5]);
    }

    #[test]
    fn odd_unit_goes_to_the_lowest_index_among_equal_remainders() {
        assert_eq!(allocate(2, &[0, 1, 1, 1]).unwrap(), [0, 1, 1, 0]);
    }
}
