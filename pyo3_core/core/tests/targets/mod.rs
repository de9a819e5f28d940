//! What the fuzzers run, one function for each parser of bytes that others hand us: it answers or refuses, never panics, and
//! what it accepts is what was meant. `pyo3_core/fuzz` feeds them with a fuzzer's bytes, `tests/fuzz.rs` with bytes by chance.

use std::sync::LazyLock;

use gongsheng_core::openzeppelin::{StandardTree, verify_standard};
use gongsheng_core::stored::{HEADER_BYTES, Layout};
use gongsheng_core::{Account, Lanes, Leaf, Plan, Register, Tree, verify};

/// A name, the parser, and bytes that it accepts.
pub type Target = (&'static str, fn(&[u8]), Vec<u8>);

/// All of them.
#[allow(dead_code, reason = "a fuzzer runs one")]
pub fn all() -> Vec<Target> {
    let proof = register().proof(2).unwrap();
    let file = file();
    vec![
        ("register_proof", register_proof, [&[2, 13], &proof[..]].concat()),
        ("standard_proof", standard_proof, standard().proof(1).unwrap().concat()),
        ("file_header", file_header, file[..HEADER_BYTES].to_vec()),
        ("stored_register", stored_register, file),
    ]
}

/// Thirteen leaves: the last is promoted twice.
fn register() -> &'static Register {
    static REGISTER: LazyLock<Register> = LazyLock::new(|| {
        let (accounts, weights) = leaves();
        Register::new(&accounts, weights.as_slice()).unwrap()
    });
    &REGISTER
}

fn leaves() -> (Vec<Account>, Vec<u64>) {
    ((1..=13).map(|number| [number; 20]).collect(), vec![5, 0, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43])
}

fn standard() -> &'static StandardTree {
    static TREE: LazyLock<StandardTree> =
        LazyLock::new(|| StandardTree::new(&[[1; 20], [2; 20], [3; 20]], &[1, 2, 3], Lanes::Scalar).unwrap());
    &TREE
}

/// The register as a file.
fn file() -> Vec<u8> {
    let (accounts, weights) = leaves();
    let layout = Layout::new(13).unwrap();
    let mut nodes = vec![0; (layout.nodes.end - layout.nodes.start) / 8];
    Tree::build(&accounts, weights.as_slice(), &mut nodes, Plan::default()).unwrap();
    let words = weights.iter().chain(&nodes).flat_map(|word| word.to_le_bytes());
    layout.header().into_iter().chain(words).chain(accounts.into_iter().flatten()).collect()
}

/// An index, a number of leaves, and the proof of a leaf.
#[allow(dead_code)]
pub fn register_proof(bytes: &[u8]) {
    let [index, count, proof @ ..] = bytes else { return };
    let register = register();
    let leaf = Leaf { account: [3; 20], weight: 7 };
    if let Ok(slice) = verify(&register.root(), (*count).into(), (*index).into(), &leaf, proof) {
        // Some numbers of leaves have proofs of one shape, but no other leaf or proof leads to the root.
        assert_eq!((*index, slice.before(), slice.total()), (2, 5, register.total()));
        assert_eq!(proof, register.proof(2).unwrap());
    }
}

/// The proof of a standard tree.
#[allow(dead_code)]
pub fn standard_proof(bytes: &[u8]) {
    let tree = standard();
    let accepted = verify_standard(&tree.root(), &[2; 20], 2, bytes).is_ok();
    assert_eq!(accepted, bytes == tree.proof(1).unwrap().concat());
}

/// A header, in a file as long as it says if that is short enough.
#[allow(dead_code)]
pub fn file_header(bytes: &[u8]) {
    if let Ok(layout) = Layout::read(bytes) {
        assert_eq!(layout.accounts.end, bytes.len());
        assert!(layout.weights.start == HEADER_BYTES && layout.count > 0);
        assert_eq!(layout.header(), bytes[..HEADER_BYTES]);
    }
    let count = bytes.get(16..24).map_or(0, |count| u64::from_le_bytes(count.try_into().unwrap()) % 4_096);
    if let Ok(layout) = Layout::new(count) {
        let mut file = vec![0; layout.accounts.end];
        file[..HEADER_BYTES].copy_from_slice(&layout.header());
        assert_eq!(Layout::read(&file).as_ref(), Ok(&layout));
    }
}

/// A whole file: what its header allows is opened, asked for every proof, and audited. What the audit believes is proven.
#[allow(dead_code)]
pub fn stored_register(bytes: &[u8]) {
    let Ok(layout) = Layout::read(bytes) else { return };
    let words = |range: std::ops::Range<usize>| -> Vec<u64> {
        bytes[range].as_chunks().0.iter().map(|word| u64::from_le_bytes(*word)).collect()
    };
    let (weights, nodes) = (words(layout.weights.clone()), words(layout.nodes.clone()));
    let accounts = bytes[layout.accounts.clone()].as_chunks().0;
    let Ok(tree) = Tree::open(accounts, weights.as_slice(), &nodes) else { return };
    let audited = tree.audit(&mut vec![0; nodes.len()], Plan::default()) == Ok(true);
    for index in 0..=tree.count() {
        let (Ok(proof), Ok(leaf)) = (tree.proof(index), tree.leaf(index)) else {
            assert_eq!(index, tree.count());
            continue;
        };
        let proven = verify(&tree.root(), tree.count(), index, &leaf, &proof);
        if audited {
            assert_eq!(proven.unwrap().before(), tree.before(index).unwrap());
        }
    }
}
