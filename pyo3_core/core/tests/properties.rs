//! What must be true of all numbers.

use gongsheng_core::liens::{Lien, divert};
use gongsheng_core::register::MAX_COUNT;
use gongsheng_core::{Account, Error, Refusal, Register, Slice, Stage, allocate, shares, verify};
use proptest::collection::vec;
use proptest::prelude::*;
use ruint::aliases::U256;

/// Numbers of every size, with the ends of the range more often than by chance.
fn wide() -> impl Strategy<Value = u128> {
    prop_oneof![
        (any::<u128>(), 0_u32..128).prop_map(|(number, shift)| number >> shift),
        prop::sample::select(vec![0, 1, 2, 1 << 63, u128::from(u64::MAX), 1 << 64, u128::MAX - 1, u128::MAX]),
    ]
}

/// Like [`wide`], in 64 bits.
fn narrow() -> impl Strategy<Value = u64> {
    prop_oneof![
        (any::<u64>(), 0_u32..64).prop_map(|(number, shift)| number >> shift),
        prop::sample::select(vec![0, 1, 2, 1 << 63, u64::MAX - 1, u64::MAX]),
    ]
}

/// Weights that do not all vanish.
fn weights() -> impl Strategy<Value = Vec<u64>> {
    vec(narrow(), 1..40).prop_filter("somebody has a weight", |weights| weights.iter().any(|&weight| weight > 0))
}

fn slice() -> impl Strategy<Value = Slice> {
    (wide(), wide(), wide()).prop_filter_map("the total is zero", |(a, b, total)| {
        let before = a % total.checked_add(1)?;
        Slice::new(before, b % (total - before).checked_add(1)?, total).ok()
    })
}

fn accounts(count: usize) -> Vec<Account> {
    (1..=count as u64)
        .map(|number| {
            let mut account = [7; 20];
            account[12..].copy_from_slice(&number.to_be_bytes());
            account
        })
        .collect()
}

fn sum(amounts: &[u64]) -> u128 {
    amounts.iter().copied().map(u128::from).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn closed_figure_is_never_below_the_open_one_and_at_most_one_above(income in wide(), slice in slice()) {
        let (open, closed) = (slice.entitled(income, Stage::Open), slice.entitled(income, Stage::Closed));
        prop_assert!(open <= closed && closed - open <= 1, "{open} {closed}");
    }

    #[test]
    fn open_figure_is_the_exact_quotient_rounded_down(income in wide(), slice in slice()) {
        let entitled = U256::from(slice.entitled(income, Stage::Open));
        let exact = U256::from(income) * U256::from(slice.weight());
        let total = U256::from(slice.total());
        prop_assert!(entitled * total <= exact && exact - entitled * total < total);
    }

    #[test]
    fn open_figure_never_falls_when_income_arrives(one in wide(), other in wide(), slice in slice()) {
        let (less, more) = (one.min(other), one.max(other));
        prop_assert!(slice.entitled(less, Stage::Open) <= slice.entitled(more, Stage::Open));
    }

    #[test]
    fn neighbouring_closed_slices_add_up_to_their_union(income in wide(), slice in slice(), cut in any::<u128>()) {
        let (before, weight, total) = (slice.before(), slice.weight(), slice.total());
        let cut = weight.checked_add(1).map_or(cut, |limit| cut % limit);
        let left = Slice::new(before, cut, total).unwrap().entitled(income, Stage::Closed);
        let right = Slice::new(before + cut, weight - cut, total).unwrap().entitled(income, Stage::Closed);
        prop_assert_eq!(left + right, slice.entitled(income, Stage::Closed));
    }

    #[test]
    fn column_conserves_the_income_and_agrees_with_its_slices(income in narrow(), weights in weights()) {
        let open = shares(income, &weights, Stage::Open).unwrap();
        let closed = shares(income, &weights, Stage::Closed).unwrap();
        prop_assert!(sum(&open) <= u128::from(income));
        prop_assert!(u128::from(income) - sum(&open) < weights.len() as u128);
        prop_assert_eq!(sum(&closed), u128::from(income));

        let total = sum(&weights);
        let mut before = 0;
        for ((weight, open), closed) in weights.into_iter().zip(open).zip(closed) {
            let slice = Slice::new(before, weight.into(), total).unwrap();
            prop_assert_eq!(slice.entitled(income.into(), Stage::Open), u128::from(open));
            prop_assert_eq!(slice.entitled(income.into(), Stage::Closed), u128::from(closed));
            before += u128::from(weight);
        }
    }

    #[test]
    fn allocation_adds_up_and_moves_nobody_by_a_whole_unit(amount in narrow(), weights in weights()) {
        let allocated = allocate(amount, &weights).unwrap();
        prop_assert_eq!(sum(&allocated), u128::from(amount));
        let floors = shares(amount, &weights, Stage::Open).unwrap();
        for ((weight, floor), units) in weights.iter().zip(floors).zip(allocated) {
            prop_assert!(units == floor || (*weight > 0 && units == floor + 1));
        }
    }

    #[test]
    fn diversion_conserves_the_claim(
        before in wide(), claimed in wide(), liens in vec((0_u64..2_500, wide(), wide()), 0..5)
    ) {
        let after = before.saturating_add(claimed);
        let liens: Vec<Lien> = liens.into_iter().map(|(bps, due, arrears)| Lien { bps, due, arrears }).collect();
        let diversion = divert(before, after, &liens).unwrap();
        prop_assert_eq!(diversion.taken.iter().sum::<u128>() + diversion.rest, after - before);
        let mut is_senior_in_arrears = false;
        for (taken, lien) in diversion.taken.iter().zip(&liens) {
            prop_assert!(*taken <= lien.due);
            prop_assert!(!is_senior_in_arrears || *taken == 0);
            is_senior_in_arrears |= *taken < lien.arrears.min(lien.due);
        }
    }

    #[test]
    fn verifying_any_bytes_never_panics(
        root in any::<[u8; 32]>(), count in narrow(), index in narrow(), account in any::<[u8; 20]>(), weight in wide(),
        proof in vec(any::<u8>(), 0..200)
    ) {
        let leaf = gongsheng_core::Leaf { account, weight };
        match verify(&root, count, index, &leaf, &proof) {
            Err(Error::ProofRefused(Refusal::Count(refused))) => prop_assert!(refused == 0 || refused > MAX_COUNT),
            Err(Error::ProofRefused(_)) => {}
            answer => prop_assert!(false, "{answer:?} from random bytes"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn every_leaf_is_proven_to_own_its_slice(weights in weights()) {
        let register = Register::new(&accounts(weights.len()), weights.as_slice()).unwrap();
        prop_assert_eq!(register.total(), sum(&weights));
        let mut before = 0;
        for (index, weight) in (0..).zip(weights) {
            let (leaf, proof) = (register.leaf(index).unwrap(), register.proof(index).unwrap());
            let slice = verify(&register.root(), register.count(), index, &leaf, &proof).unwrap();
            prop_assert_eq!(slice, Slice::new(before, weight.into(), register.total()).unwrap());
            prop_assert_eq!(register.before(index), Ok(before));
            before += u128::from(weight);
        }
    }

    #[test]
    fn proof_with_one_bit_changed_is_refused(
        weights in weights(), at in any::<prop::sample::Index>(), bit in any::<prop::sample::Index>()
    ) {
        let register = Register::new(&accounts(weights.len()), weights.as_slice()).unwrap();
        let index = at.index(weights.len()) as u64;
        let (leaf, mut proof) = (register.leaf(index).unwrap(), register.proof(index).unwrap());
        prop_assume!(!proof.is_empty());
        let bit = bit.index(8 * proof.len());
        proof[bit / 8] ^= 1 << (bit % 8);
        let answer = verify(&register.root(), register.count(), index, &leaf, &proof);
        prop_assert!(matches!(answer, Err(Error::ProofRefused(Refusal::Root(_) | Refusal::Sum(_)))), "{answer:?}");
    }

    #[test]
    fn statements_are_the_shares_of_the_weights(income in narrow(), weights in weights()) {
        let register = Register::new(&accounts(weights.len()), weights.as_slice()).unwrap();
        for stage in [Stage::Open, Stage::Closed] {
            prop_assert_eq!(register.statements(income, stage), shares(income, &weights, stage).unwrap());
        }
    }
}
