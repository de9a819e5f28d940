//! What lenders take of a holder's income, inside the claim.

use crate::Error;
use crate::shares::part_down;

/// The whole of an income in basis points.
const WHOLE_BPS: u128 = 10_000;

/// A live lien on one line of a holder's income.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lien {
    /// The pledged part of the income in basis points.
    pub bps: u64,
    /// What the debt is due, in fen.
    pub due: u128,
}

/// Where the fen of one claim go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diversion {
    /// What each lien takes, in the order of the liens.
    pub taken: Vec<u128>,
    /// What is left for the holder.
    pub rest: u128,
}

/// L1: divides one claim, which brings the holder's cumulative figure from `before` to `after`, among `liens` in order of
/// registration and the holder.
///
/// # Errors
/// [`Error::IncomeFell`], [`Error::PledgedAboveWhole`].
pub fn divert(before: u128, after: u128, liens: &[Lien]) -> Result<Diversion, Error> {
    let claimed = after.checked_sub(before).ok_or(Error::IncomeFell { before, after })?;
    let pledged: u128 = liens.iter().map(|lien| u128::from(lien.bps)).sum();
    if pledged > WHOLE_BPS {
        return Err(Error::PledgedAboveWhole { bps: pledged });
    }

    let mut rest = claimed;
    let taken: Vec<u128> = liens
        .iter()
        .map(|lien| {
            let bps = u128::from(lien.bps);
            let offered = part_down(after, bps, WHOLE_BPS) - part_down(before, bps, WHOLE_BPS);
            let taken = offered.min(lien.due).min(rest);
            rest -= taken;
            taken
        })
        .collect();

    debug_assert_eq!(taken.iter().sum::<u128>() + rest, claimed);
    Ok(Diversion { taken, rest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claim_that_lowers_the_figure_is_refused() {
        assert_eq!(divert(2, 1, &[]), Err(Error::IncomeFell { before: 2, after: 1 }));
    }

    #[test]
    fn pledging_the_same_income_twice_is_refused() {
        let sixty = Lien { bps: 6_000, due: 1 };
        assert_eq!(divert(0, 1, &[sixty, sixty]), Err(Error::PledgedAboveWhole { bps: 12_000 }));
    }

    #[test]
    fn senior_lien_takes_the_odd_fen() {
        let half = Lien { bps: 5_000, due: 10 };
        assert_eq!(divert(1, 2, &[half, half]), Ok(Diversion { taken: vec![1, 0], rest: 0 }));
    }
}
