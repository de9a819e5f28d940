//! Every parser of bytes that others hand us, fed with bytes that nobody chose: it answers or refuses, and never panics.
//! `PROPTEST_CASES` says how many; CI runs the default.

use gongsheng_core::openzeppelin::{StandardTree, verify_standard};
use gongsheng_core::stored::{HEADER_BYTES, Layout};
use gongsheng_core::{Lanes, Leaf, Register, Tree, verify};
use proptest::collection::vec;
use proptest::prelude::*;

/// Valid bytes with some of them changed, cut off, or put behind: closer to the limits than bytes by chance.
fn damaged(valid: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let changes = vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (changes, 0_usize..3, vec(any::<u8>(), 0..3)).prop_map(move |(changes, cut, behind)| {
        let mut bytes = valid.clone();
        for (at, byte) in changes {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
        }
        bytes.truncate(bytes.len().saturating_sub(cut));
        bytes.extend(behind);
        bytes
    })
}

fn register() -> Register {
    let accounts: Vec<_> = (1..=13).map(|number| [number; 20]).collect();
    Register::new(&accounts, [5_u64, 0, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43].as_slice()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(20_000) })]

    #[test]
    fn proof_of_a_register(index in 0_u64..14, count in 0_u64..16, proof in damaged(register().proof(2).unwrap())) {
        let register = register();
        let leaf = Leaf { account: [3; 20], weight: 7 };
        if let Ok(slice) = verify(&register.root(), count, index, &leaf, &proof) {
            // Some numbers of leaves have proofs of one shape, but no other leaf or proof leads to the root.
            prop_assert_eq!((index, slice.before(), slice.total()), (2, 5, register.total()));
            prop_assert_eq!(proof, register.proof(2).unwrap());
        }
    }

    #[test]
    fn header_of_a_file(file in damaged(Layout::new(1).unwrap().header().into_iter().chain([0; 28]).collect())) {
        if let Ok(layout) = Layout::read(&file) {
            prop_assert_eq!(layout.accounts.end, file.len());
            prop_assert!(layout.weights.start == HEADER_BYTES && layout.count > 0);
        }
    }

    #[test]
    fn columns_of_a_file(count in 0_usize..40, nodes in vec(any::<u64>(), 0..200)) {
        let (accounts, weights) = (vec![[1; 20]; count], vec![1_u64; count]);
        if let Ok(tree) = Tree::open(&accounts, weights.as_slice(), &nodes) {
            for index in 0..=tree.count() {
                let _ = (tree.proof(index), tree.leaf(index));
            }
        }
    }

    #[test]
    fn proof_of_a_standard_tree(
        proof in damaged(StandardTree::new(&[[1; 20], [2; 20], [3; 20]], &[1, 2, 3], Lanes::Scalar).unwrap().proof(1).unwrap().concat())
    ) {
        let tree = StandardTree::new(&[[1; 20], [2; 20], [3; 20]], &[1, 2, 3], Lanes::Scalar).unwrap();
        let answer = verify_standard(&tree.root(), &[2; 20], 2, &proof);
        prop_assert_eq!(answer.is_ok(), proof == tree.proof(1).unwrap().concat());
    }
}
