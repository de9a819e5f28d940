//! A register does not depend on how it was built: on the lanes, the threads, or the shards.

use gongsheng_core::register::Node;
use gongsheng_core::stored::{Layout, Stream};
use gongsheng_core::{Account, Error, Lanes, Leaf, Part, Plan, Register, Tree, node_words};
use proptest::prelude::*;

/// Leaves whose accounts and weights all differ.
fn leaves(count: usize) -> (Vec<Account>, Vec<u64>) {
    let accounts = (1..=count as u64).map(|number| {
        let mut account = [0; 20];
        account[..8].copy_from_slice(&number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
        account[12..].copy_from_slice(&number.to_be_bytes());
        account
    });
    let weights = (1..=count as u64).map(|number| number.wrapping_mul(0xD134_2543_DE82_EF95) >> (number % 60));
    (accounts.collect(), weights.collect())
}

/// The top of a register, pair by pair.
fn top(accounts: &[Account], weights: &[u64]) -> Node {
    let leaves = accounts.iter().zip(weights);
    let mut level: Vec<Node> =
        leaves.map(|(&account, &weight)| Leaf { account, weight: weight.into() }.node()).collect();
    while level.len() > 1 {
        let (pairs, promoted) = level.as_chunks::<2>();
        let parents = pairs.iter().map(|[left, right]| Node::parent(left, right).unwrap());
        level = parents.chain(promoted.iter().copied()).collect();
    }
    level[0]
}

fn plans() -> impl Iterator<Item = Plan> {
    let lanes = Lanes::available().into_iter();
    lanes.flat_map(|lanes| [1, 2, 7].map(|threads| Plan { lanes, threads }))
}

/// Numbers of leaves around every limit of the layout: blocks, units, and what threads are given.
fn counts() -> Vec<usize> {
    let near = [1_024, 2_048, 3_072, 7_168, 8_192, 16_384].into_iter().flat_map(|count| [count - 1, count, count + 1]);
    (1..70).chain(near).chain([100, 127, 128, 129, 1_000, 1_500, 5_000, 10_007]).collect()
}

#[test]
fn register_is_the_same_for_all_lanes_and_threads() {
    for count in counts() {
        let (accounts, weights) = leaves(count);
        let expected = top(&accounts, &weights);
        let wide: Vec<u128> = weights.iter().copied().map(u128::from).collect();
        let mut first: Option<Vec<u64>> = None;
        for plan in plans() {
            for weights in [weights.as_slice().into(), gongsheng_core::Weights::Wide(&wide)] {
                let mut nodes = vec![0; node_words(count)];
                let tree = Tree::build(&accounts, weights, &mut nodes, plan).unwrap();
                assert_eq!((tree.root(), tree.total()), (expected.hash, expected.sum), "{count} leaves, {plan:?}");
                assert!(tree.audit(&mut vec![0; node_words(count)], plan).unwrap());
                assert_eq!(first.get_or_insert_with(|| nodes.clone()), &nodes, "{count} leaves, {plan:?}");
            }
        }
    }
}

#[test]
fn refusals_are_the_same_for_all_lanes_and_threads() {
    let (mut accounts, weights) = leaves(9_000);
    let wide: Vec<u128> = (0..9_000).map(|leaf| if leaf % 4_000 == 3_999 { u128::MAX / 2 + 1 } else { 0 }).collect();
    for plan in plans() {
        let refused = Register::planned(&accounts, wide.as_slice(), plan);
        assert_eq!(refused, Err(Error::SumOverflow { left: u128::MAX / 2 + 1, right: u128::MAX / 2 + 1 }));
    }
    for at in [8_999, 8_192, 5_000, 1_023, 0] {
        accounts[at] = [0; 20];
        for plan in plans() {
            let refused = Register::planned(&accounts, weights.as_slice(), plan);
            assert_eq!(refused, Err(Error::ZeroAccount { index: at as u64 }));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn parts_merge_in_any_grouping_to_the_register(
        count in 1_usize..3_000, cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        grouping in any::<prop::sample::Index>()
    ) {
        let (accounts, weights) = leaves(count);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(count + 1)).chain([0, count]).collect();
        cuts.sort_unstable();
        let plan = Plan::default();
        let mut parts: Vec<Part> = cuts
            .windows(2)
            .map(|run| Part::new(run[0] as u64, &accounts[run[0]..run[1]], &weights[run[0]..run[1]], plan).unwrap())
            .collect();
        while parts.len() > 1 {
            let at = grouping.index(parts.len() - 1);
            let next = parts.remove(at + 1);
            parts[at] = parts[at].clone().merge(&next).unwrap();
        }
        let register = Register::new(&accounts, weights.as_slice()).unwrap();
        let (top, leaves) = parts[0].finish().unwrap();
        prop_assert_eq!((top.hash, top.sum, leaves), (register.root(), register.total(), register.count()));
    }
}

#[test]
fn streamed_register_is_the_one_built_at_once() {
    for count in counts().into_iter().chain([65_535, 65_536, 65_537, 140_000]) {
        let (accounts, weights) = leaves(count);
        let mut at_once = vec![0; node_words(count)];
        Tree::build(&accounts, weights.as_slice(), &mut at_once, Plan::default()).unwrap();
        for batch in [count, 1_000, 7_777] {
            let mut nodes = vec![0; node_words(count)];
            let mut write = |at: usize, words: &[u64]| -> Result<(), Error> {
                nodes[at..at + words.len()].copy_from_slice(words);
                Ok(())
            };
            let mut stream = Stream::new(count as u64, Plan::default()).unwrap();
            for (accounts, weights) in accounts.chunks(batch).zip(weights.chunks(batch)) {
                stream.push(accounts, weights, &mut write).unwrap();
            }
            let total = weights.iter().copied().map(u128::from).sum();
            assert_eq!(stream.finish(&mut write), Ok(total));
            assert!(nodes == at_once, "{count} leaves in batches of {batch}");
        }
    }
}

#[test]
fn register_with_new_leaves_is_the_one_built_of_them() {
    for count in [1, 2, 3, 9, 1_025, 5_000] {
        let (mut accounts, mut weights) = leaves(count);
        let mut nodes = vec![0; node_words(count)];
        Tree::build(&accounts, weights.as_slice(), &mut nodes, Plan::default()).unwrap();
        let changed = [count - 1, 0, count / 2, count / 2].map(|index| index as u64);
        for &index in &changed {
            let at = usize::try_from(index).unwrap();
            (accounts[at], weights[at]) = ([u8::try_from(index % 200).unwrap() + 1; 20], 5 + index);
        }
        let refreshed = Tree::refresh(&accounts, weights.as_slice(), &mut nodes, &changed).unwrap();
        assert_eq!(refreshed.root(), top(&accounts, &weights).hash);
        assert!(refreshed.audit(&mut vec![0; node_words(count)], Plan::default()).unwrap());
        let refused = Tree::refresh(&accounts, weights.as_slice(), &mut nodes, &[count as u64]);
        assert_eq!(refused.unwrap_err(), Error::NoSuchLeaf { index: count as u64, count: count as u64 });
    }
}

#[test]
fn stream_takes_neither_more_nor_fewer_leaves_than_announced() {
    let (accounts, weights) = leaves(3);
    let write = &mut |_: usize, _: &[u64]| -> Result<(), Error> { Ok(()) };
    let mut stream = Stream::new(2, Plan::default()).unwrap();
    let refused = Error::LengthMismatch { what: "leaves", expected: 2, actual: 3 };
    assert_eq!(stream.push(&accounts, &weights, write), Err(refused));
    stream.push(&accounts[..1], &weights[..1], write).unwrap();
    let refused = Error::LengthMismatch { what: "leaves", expected: 2, actual: 1 };
    assert_eq!(stream.finish(write), Err(refused));
}

#[test]
fn header_tells_the_layout_and_nothing_else_is_taken() {
    let layout = Layout::new(5).unwrap();
    let mut file = vec![0; layout.accounts.end];
    file[..64].copy_from_slice(&layout.header());
    assert_eq!(Layout::read(&file), Ok(layout));
    for at in 0..64 {
        let mut other = file.clone();
        other[at] ^= 1;
        assert!(Layout::read(&other).is_err(), "byte {at}");
        assert!(Layout::read(&file[..at]).is_err(), "{at} bytes");
    }
    file.push(0);
    assert!(Layout::read(&file).is_err());
}

#[test]
fn parts_that_do_not_follow_each_other_are_refused() {
    let (accounts, weights) = leaves(10);
    let part = |from: usize, to: usize| {
        Part::new(from as u64, &accounts[from..to], &weights[from..to], Plan::default()).unwrap()
    };
    assert_eq!(part(0, 4).merge(&part(5, 10)), Err(Error::LengthMismatch { what: "start", expected: 4, actual: 5 }));
    assert_eq!(part(5, 10).finish(), Err(Error::LengthMismatch { what: "start", expected: 0, actual: 5 }));
    assert_eq!(part(0, 0).finish(), Err(Error::TotalIsZero));
}
