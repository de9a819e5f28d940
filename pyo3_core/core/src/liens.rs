//! What lenders take of a holder's income, inside the claim.

use crate::Error;
use crate::fraction::Parts;
use crate::register::require_length;
use crate::shares::{narrow, part_down, runs};

/// The whole of an income in basis points.
pub(crate) const WHOLE_BPS: u128 = 10_000;

/// A live lien on one line of a holder's income.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lien {
    /// The pledged part of the income in basis points.
    pub bps: u64,
    /// What the debt is due, in fen.
    pub due: u128,
    /// What of it is in arrears.
    pub arrears: u128,
}

/// Where the fen of one claim go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diversion {
    /// What each lien takes, in the order of the liens.
    pub taken: Vec<u128>,
    /// What is left for the holder.
    pub rest: u128,
}

/// L1, L12: divides one claim, which brings the holder's cumulative figure from `before` to `after`, among `liens` in order
/// of rank and the holder.
///
/// A lien takes what is due out of what it is offered; as far as it is in arrears, also out of what the liens behind it are
/// offered. What it leaves of its own offer is the holder's.
///
/// # Errors
/// [`Error::IncomeFell`], [`Error::PledgedAboveWhole`].
pub fn divert(before: u128, after: u128, liens: &[Lien]) -> Result<Diversion, Error> {
    let claimed = after.checked_sub(before).ok_or(Error::IncomeFell { before, after })?;
    let pledged: u128 = liens.iter().map(|lien| u128::from(lien.bps)).sum();
    if pledged > WHOLE_BPS {
        return Err(Error::PledgedAboveWhole { bps: pledged });
    }

    let offer = |lien: &Lien| {
        let bps = u128::from(lien.bps);
        part_down(after, bps, WHOLE_BPS) - part_down(before, bps, WHOLE_BPS)
    };
    // What this lien and those behind it are offered: together at most `after`, so the sum fits.
    let mut below: u128 = liens.iter().map(offer).sum();
    let mut pool = below.min(claimed);
    let taken: Vec<u128> = liens
        .iter()
        .map(|lien| {
            let offered = offer(lien);
            below -= offered;
            let taken = offered.min(lien.due).max(lien.arrears.min(lien.due)).min(pool);
            pool = (pool - taken).min(below);
            taken
        })
        .collect();

    let rest = claimed - taken.iter().sum::<u128>();
    Ok(Diversion { taken, rest })
}

/// The number of ranks of a waterfall.
pub const RANKS: usize = 8;

/// The pledges of many pools, row by row; a pool's pledges stand together, in order of registration.
#[derive(Debug, Clone, Copy)]
pub struct Pledges<'a> {
    /// Where each pool's pledges begin, and the number of all.
    pub offsets: &'a [u64],
    /// Who is served first: 0, then 1, up to 7.
    pub rank: &'a [u8],
    /// What is due, in fen.
    pub due: &'a [u64],
    /// What it takes at most, in fen.
    pub cap: &'a [u64],
}

/// L10: serves the pledges of every pool from what is `available` in it, rank by rank, into `taken` and, for what is left
/// of each pool, `rest`.
///
/// A pledge asks for what is due, at most its cap. A rank whose asks fit is served in full; the first that does not fit
/// shares what is left in proportion to the asks, as a closed column (S2); those behind it get nothing.
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::OutOfRange`] for an offset or a rank.
pub fn waterfall(available: &[u64], pledges: Pledges<'_>, taken: &mut [u64], rest: &mut [u64]) -> Result<(), Error> {
    let Pledges { offsets, rank, due, cap } = pledges;
    for (what, rows) in [("due", due.len()), ("cap", cap.len()), ("taken", taken.len())] {
        require_length(what, rank.len(), rows)?;
    }
    require_length("rest", available.len(), rest.len())?;
    let runs = runs(available.len(), offsets, rank.len())?;
    if let Some(index) = rank.iter().position(|&rank| usize::from(rank) >= RANKS) {
        let value = u64::from(rank[index]);
        return Err(Error::OutOfRange { what: "rank", index: index as u64, value, limit: RANKS as u64 });
    }

    for ((&available, rest), run) in available.iter().zip(rest).zip(runs) {
        let (rank, due, cap) = (&rank[run.clone()], &due[run.clone()], &cap[run.clone()]);
        let taken = &mut taken[run];
        // The asks stand where the answers will.
        let (mut low, mut high) = ([0_u64; RANKS], [0_u64; RANKS]);
        for (((taken, &rank), &due), &cap) in taken.iter_mut().zip(rank).zip(due).zip(cap) {
            *taken = due.min(cap);
            let rank = usize::from(rank) % RANKS;
            let (sum, over) = low[rank].overflowing_add(*taken);
            low[rank] = sum;
            high[rank] += u64::from(over);
        }
        let asked: [u128; RANKS] = std::array::from_fn(|rank| u128::from(high[rank]) << 64 | u128::from(low[rank]));

        let mut left = u128::from(available);
        let served =
            asked.iter().take_while(|&&asked| left.checked_sub(asked).map(|after| left = after).is_some()).count();
        *rest = narrow(left);
        if served == RANKS {
            continue;
        }
        *rest = 0;
        let parts = Parts::new(narrow(left), asked[served]);
        // Without a branch on the rank: whoever is not of the rank that shares adds nothing to where its slices end.
        let (mut end, mut paid) = (0, 0);
        for (taken, &rank) in taken.iter_mut().zip(rank) {
            let (rank, ask) = (usize::from(rank), *taken);
            end += u128::from(if rank == served { ask } else { 0 });
            let paid_before = std::mem::replace(&mut paid, parts.at(end));
            *taken = if rank < served { ask } else { 0 } + (paid - paid_before);
        }
    }
    Ok(())
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
        let sixty = Lien { bps: 6_000, due: 1, arrears: 1 };
        assert_eq!(divert(0, 1, &[sixty, sixty]), Err(Error::PledgedAboveWhole { bps: 12_000 }));
    }

    #[test]
    fn rank_that_does_not_exist_is_refused() {
        let (mut taken, mut rest) = ([0; 2], [0]);
        let pledges = Pledges { offsets: &[0, 2], rank: &[7, 8], due: &[1, 1], cap: &[1, 1] };
        let refused = Error::OutOfRange { what: "rank", index: 1, value: 8, limit: 8 };
        assert_eq!(waterfall(&[5], pledges, &mut taken, &mut rest), Err(refused));
    }

    #[test]
    fn junior_gets_nothing_while_a_senior_is_short() {
        let (mut taken, mut rest) = ([0; 4], [0; 2]);
        let pledges =
            Pledges { offsets: &[0, 3, 4], rank: &[1, 0, 1, 0], due: &[10, 7, 20, 5], cap: &[100, 100, 5, 100] };
        waterfall(&[12, 9], pledges, &mut taken, &mut rest).unwrap();
        assert_eq!((taken, rest), ([3, 7, 2, 5], [0, 4]));
    }

    #[test]
    fn junior_lien_gets_nothing_while_a_senior_one_is_in_arrears() {
        let liens = |arrears| [Lien { bps: 1_000, due: 50, arrears }, Lien { bps: 4_000, due: 30, arrears: 30 }];
        assert_eq!(divert(0, 100, &liens(0)), Ok(Diversion { taken: vec![10, 30], rest: 60 }));
        assert_eq!(divert(0, 100, &liens(20)), Ok(Diversion { taken: vec![20, 30], rest: 50 }));
        assert_eq!(divert(0, 100, &liens(50)), Ok(Diversion { taken: vec![50, 0], rest: 50 }));
    }

    #[test]
    fn senior_lien_takes_the_odd_fen() {
        let half = Lien { bps: 5_000, due: 10, arrears: 0 };
        assert_eq!(divert(1, 2, &[half, half]), Ok(Diversion { taken: vec![1, 0], rest: 0 }));
    }
}
