//! What lenders take of a holder's income, inside the claim.

use crate::Error;
use crate::fraction::Parts;
use crate::keccak::{Kernel, Lanes, Work};
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
    // All bits together are those of a rank if each is: the number of ranks is a power of two.
    if usize::from(rank.iter().fold(0, |bits, rank| bits | rank)) >= RANKS
        && let Some(index) = rank.iter().position(|&rank| usize::from(rank) >= RANKS)
    {
        let value = u64::from(rank[index]);
        return Err(Error::OutOfRange { what: "rank", index: index as u64, value, limit: RANKS as u64 });
    }

    Lanes::best().run(Pools { available, runs, pledges, taken, rest, rows: Vec::new() });
    Ok(())
}

struct Pools<'a, R> {
    available: &'a [u64],
    runs: R,
    pledges: Pledges<'a>,
    taken: &'a mut [u64],
    rest: &'a mut [u64],
    /// The rows of the rank that shares.
    rows: Vec<u32>,
}

impl<R: Iterator<Item = std::ops::Range<usize>>> Work for Pools<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run<const N: usize, K: Kernel<N>>(mut self, _: K) {
        let Pledges { rank, due, cap, .. } = self.pledges;
        for ((&available, rest), run) in self.available.iter().zip(self.rest).zip(self.runs) {
            let (rank, due, cap) = (&rank[run.clone()], &due[run.clone()], &cap[run.clone()]);
            *rest = serve(available, rank, due, cap, &mut self.taken[run], &mut self.rows);
        }
    }
}

/// Serves the pledges of one pool, and returns what is left.
#[inline(always)]
fn serve(available: u64, rank: &[u8], due: &[u64], cap: &[u64], taken: &mut [u64], rows: &mut Vec<u32>) -> u64 {
    // The asks stand where the answers will.
    let mut ored = 0;
    for ((taken, &due), &cap) in taken.iter_mut().zip(due).zip(cap) {
        *taken = due.min(cap);
        ored |= *taken;
    }
    // Nothing is carried where even all asks, each as large as the largest could be, fit in 64 bits.
    let fits = u64::from(ored.leading_zeros()) > u64::from((taken.len() as u64 + 1).ilog2());
    let asked = if fits { sums_of_ranks(rank, taken) } else { wide_sums_of_ranks(rank, taken) };

    let mut left = u128::from(available);
    let served = asked.iter().take_while(|&&asked| left.checked_sub(asked).map(|after| left = after).is_some()).count();
    let Some(&shared) = asked.get(served) else { return narrow(left) };

    // Which rows share is found without a branch; dividing is for them alone.
    let served = u8::try_from(served).expect("a rank");
    if rows.len() < taken.len() {
        rows.resize(taken.len(), 0);
    }
    let mut found = 0_usize;
    for (row, &rank) in (0..).zip(rank) {
        rows[found] = row;
        found = found.wrapping_add(usize::from(rank == served));
    }
    for (taken, &rank) in taken.iter_mut().zip(rank) {
        *taken = if rank > served { 0 } else { *taken };
    }
    let parts = Parts::new(narrow(left), shared);
    let (mut end, mut paid) = (0, 0);
    for &row in &rows[..found] {
        let taken = &mut taken[row as usize];
        end += u128::from(*taken);
        let paid_before = std::mem::replace(&mut paid, parts.at(end));
        *taken = paid - paid_before;
    }
    0
}

/// What the pledges of each rank ask for together, where that fits in 64 bits.
#[inline(always)]
fn sums_of_ranks(rank: &[u8], asks: &[u64]) -> [u128; RANKS] {
    const SIDES: usize = 4;
    // Side by side: a row that adds to the rank of the row before it does not wait for that.
    let mut sums = [[0_u64; RANKS]; SIDES];
    for (ranks, asks) in rank.chunks(SIDES).zip(asks.chunks(SIDES)) {
        for ((sums, &rank), &ask) in sums.iter_mut().zip(ranks).zip(asks) {
            let sum = &mut sums[usize::from(rank) % RANKS];
            *sum = sum.wrapping_add(ask);
        }
    }
    std::array::from_fn(|rank| u128::from(sums.iter().fold(0, |all: u64, sums| all.wrapping_add(sums[rank]))))
}

/// What the pledges of each rank ask for together.
fn wide_sums_of_ranks(rank: &[u8], asks: &[u64]) -> [u128; RANKS] {
    let mut sums = [0; RANKS];
    for (&rank, &ask) in rank.iter().zip(asks) {
        sums[usize::from(rank)] += u128::from(ask);
    }
    sums
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
