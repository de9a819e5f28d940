//! Every parser of bytes that others hand us, fed with bytes that nobody chose: the same functions as in `pyo3_core/fuzz`,
//! on a stable toolchain. `PROPTEST_CASES` says how many; CI runs the default.

use gongsheng_core::Tree;
use proptest::collection::vec;
use proptest::prelude::*;

mod targets;

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

fn run(name: &str, cases: u32) {
    let (_, target, valid) = targets::all().into_iter().find(|target| target.0 == name).unwrap();
    target(&valid);
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) };
    let bytes = prop_oneof![damaged(valid.clone()), vec(any::<u8>(), 0..valid.len() + 100)];
    let mut runner = proptest::test_runner::TestRunner::new(config);
    runner
        .run(&bytes, |bytes| {
            target(&bytes);
            Ok(())
        })
        .unwrap();
}

#[test]
fn fuzzers_begin_with_bytes_that_are_accepted() {
    for (name, _, valid) in targets::all() {
        let seed = format!("{}/../fuzz/seeds/{name}/valid", env!("CARGO_MANIFEST_DIR"));
        assert_eq!(std::fs::read(seed).unwrap(), valid, "{name}");
    }
}

#[test]
fn proof_of_a_register() {
    run("register_proof", 20_000);
}

#[test]
fn proof_of_a_standard_tree() {
    run("standard_proof", 20_000);
}

#[test]
fn header_of_a_file() {
    run("file_header", 20_000);
}

#[test]
fn file_of_a_register() {
    run("stored_register", 5_000);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(20_000) })]

    #[test]
    fn columns_of_a_file(count in 0_usize..40, nodes in vec(any::<u64>(), 0..200)) {
        let (accounts, weights) = (vec![[1; 20]; count], vec![1_u64; count]);
        if let Ok(tree) = Tree::open(&accounts, weights.as_slice(), &nodes) {
            for index in 0..=tree.count() {
                let _ = (tree.proof(index), tree.leaf(index));
            }
        }
    }
}
