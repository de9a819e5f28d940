//! What lenders take of a holder's income, inside the claim.

use crate::Error;
use crate::fraction::{Parts, low_word, scale_short};
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

    Lanes::best().run(Pools { available, runs, pledges, taken, rest });
    Ok(())
}

/// How many asks are worked out ahead of the pool that is served: one long run of them is quicker than many short ones.
const AHEAD: usize = 2_048;

/// The rows of which is found at once which share.
const GROUP: usize = 64;

struct Pools<'a, R> {
    available: &'a [u64],
    runs: R,
    pledges: Pledges<'a>,
    taken: &'a mut [u64],
    rest: &'a mut [u64],
}

impl<R: Iterator<Item = std::ops::Range<usize>>> Work for Pools<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run<const N: usize, K: Kernel<N>>(self, _: K) {
        let Pledges { rank, due, cap, .. } = self.pledges;
        let (mut asked, mut ored) = (0, 0);
        for ((&available, rest), run) in self.available.iter().zip(self.rest).zip(self.runs) {
            if asked < run.end {
                let rows = asked..rank.len().min(run.end + AHEAD);
                asked = rows.end;
                // The asks stand where the answers will.
                let asks = self.taken[rows.clone()].iter_mut();
                for ((ask, &due), &cap) in asks.zip(&due[rows.clone()]).zip(&cap[rows]) {
                    *ask = due.min(cap);
                    ored |= *ask;
                }
            }
            *rest = serve(available, ored, &rank[run.start..], &mut self.taken[run]);
        }
    }
}

/// Serves the pledges of one pool, whose asks have no other bits than `ored` and stand in `taken`, and returns what is
/// left. The ranks of the pools behind it follow its own.
#[inline(always)]
fn serve(available: u64, ored: u64, rank: &[u8], taken: &mut [u64]) -> u64 {
    // Nothing is carried where even all asks, each as large as the largest could be, fit in 64 bits.
    let fits = u64::from(ored.leading_zeros()) > u64::from((taken.len() as u64 + 1).ilog2());
    let own = &rank[..taken.len()];
    let asked = if fits { sums_of_ranks(own, taken) } else { wide_sums_of_ranks(own, taken) };

    let mut left = u128::from(available);
    let served = asked.iter().take_while(|&&asked| left.checked_sub(asked).map(|after| left = after).is_some()).count();
    let Some(&shared) = asked.get(served) else { return narrow(left) };

    let served = u8::try_from(served).expect("a rank");
    for (taken, &rank) in taken.iter_mut().zip(own) {
        *taken = if rank > served { 0 } else { *taken };
    }
    match Parts::new(narrow(left), shared) {
        Parts::Short { fraction } => share_rank(served, rank, taken, |end| scale_short(fraction, low_word(end))),
        parts => share_rank(served, rank, taken, |end| parts.at(end)),
    }
    0
}

/// Gives the pledges of one rank their parts, instead of what they ask for.
#[inline(always)]
fn share_rank(sharing: u8, rank: &[u8], taken: &mut [u64], part: impl Fn(u128) -> u64) {
    let (mut end, mut paid) = (0_u128, 0_u64);
    for (group, taken) in taken.chunks_mut(GROUP).enumerate() {
        let ranks = &rank[GROUP * group..];
        // Found without a branch for each row, and past the end of the pool, where there are rows.
        let found = match ranks.first_chunk::<GROUP>() {
            Some(ranks) => rows_of(sharing, ranks),
            None => rows_of(sharing, ranks),
        };
        let mut rows = found & u64::MAX >> (GROUP - taken.len());
        while rows != 0 {
            let taken = &mut taken[rows.trailing_zeros() as usize];
            end = end.wrapping_add(u128::from(*taken));
            let paid_before = std::mem::replace(&mut paid, part(end));
            *taken = paid.wrapping_sub(paid_before);
            rows &= rows - 1;
        }
    }
}

/// Which rows have this rank, a bit for each.
#[inline(always)]
fn rows_of(rank: u8, ranks: &[u8]) -> u64 {
    (0..).zip(ranks).fold(0, |rows, (row, &other)| rows | u64::from(other == rank) << (row % GROUP))
}

/// What the pledges of each rank ask for together, where that fits in 64 bits.
#[inline(always)]
fn sums_of_ranks(rank: &[u8], asks: &[u64]) -> [u128; RANKS] {
    const SIDES: usize = 4;
    // Side by side: a row that adds to the rank of the row before it does not wait for that.
    let mut sums = [[0_u64; RANKS]; SIDES];
    let add = |sums: &mut [u64; RANKS], rank: u8, ask: u64| {
        let sum = &mut sums[usize::from(rank) % RANKS];
        *sum = sum.wrapping_add(ask);
    };
    let ((ranks, last_ranks), (fours, last_asks)) = (rank.as_chunks::<SIDES>(), asks.as_chunks::<SIDES>());
    for (ranks, asks) in ranks.iter().zip(fours) {
        for side in 0..SIDES {
            add(&mut sums[side], ranks[side], asks[side]);
        }
    }
    for (&rank, &ask) in last_ranks.iter().zip(last_asks) {
        add(&mut sums[0], rank, ask);
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
    fn pools_side_by_side_are_served_as_each_alone() {
        let sizes = [0, 1, 3, 63, 64, 65, 0, 130, AHEAD, 5, 64, 200];
        let ends = sizes.iter().scan(0, |end, size| {
            *end += size;
            Some(*end)
        });
        let offsets: Vec<usize> = std::iter::once(0).chain(ends).collect();
        let count = offsets[sizes.len()];
        let rank: Vec<u8> = [3, 0, 7, 1, 1, 4, 2, 6, 5, 0].into_iter().cycle().take(count).collect();
        for largest in [1_000_000, u64::MAX] {
            let mixed = |row: usize| (row as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) % largest;
            let due: Vec<u64> = (0..count).map(mixed).collect();
            let cap: Vec<u64> = (0..count).map(|row| mixed(row + 1)).collect();
            let available: Vec<u64> = (0..sizes.len()).map(|pool| mixed(pool) / 7 * (sizes[pool] as u64 % 9)).collect();
            let (mut taken, mut rest) = (vec![0; count], vec![0; sizes.len()]);
            let all: Vec<u64> = offsets.iter().map(|&offset| offset as u64).collect();
            let pledges = Pledges { offsets: &all, rank: &rank, due: &due, cap: &cap };
            waterfall(&available, pledges, &mut taken, &mut rest).unwrap();
            for (pool, run) in offsets.windows(2).map(|pair| pair[0]..pair[1]).enumerate() {
                let (mut alone, mut left) = (vec![0; run.len()], [0]);
                let (rank, due, cap) = (&rank[run.clone()], &due[run.clone()], &cap[run.clone()]);
                let pledges = Pledges { offsets: &[0, run.len() as u64], rank, due, cap };
                waterfall(&available[pool..=pool], pledges, &mut alone, &mut left).unwrap();
                assert_eq!((&taken[run], rest[pool]), (&alone[..], left[0]), "pool {pool} of amounts below {largest}");
                let paid: u128 = alone.iter().chain(&left).copied().map(u128::from).sum();
                assert_eq!(paid, available[pool].into());
            }
        }
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
