//! The Merkle trees of `@openzeppelin/merkle-tree`, format `standard-v1`, of `["address", "uint256"]` values.

use crate::keccak::{Kernel, Lanes, Work, hash_of, keccak256};
use crate::register::{Account, Hash, require_length};
use crate::{Error, Refusal};

const NODES: usize = 8;

/// A hash as four little-endian words.
type Words = [u64; 4];

/// A tree with all its nodes: the root first, the children of node `i` at `2i + 1` and `2i + 2`, the leaves last in
/// falling order of their hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandardTree {
    nodes: Vec<Words>,
    /// At which node each value stands.
    positions: Vec<u32>,
}

/// Orders hashes as numbers, the first byte being the highest.
fn key(hash: &Words) -> [u64; 4] {
    hash.map(u64::swap_bytes)
}

/// The hash of two nodes, in whichever order they come.
fn pair(one: &Hash, other: &Hash) -> Hash {
    let (low, high) = if one <= other { (one, other) } else { (other, one) };
    let mut content = [0; 64];
    content[..32].copy_from_slice(low);
    content[32..].copy_from_slice(high);
    keccak256(&content)
}

/// The hash of a value: twice over its ABI encoding, so that it is never taken for the hash of two nodes.
fn leaf(account: &Account, weight: u128) -> Hash {
    let mut content = [0; 64];
    content[12..32].copy_from_slice(account);
    content[48..].copy_from_slice(&weight.to_be_bytes());
    keccak256(&keccak256(&content))
}

impl StandardTree {
    /// Builds the tree of `accounts` with their `weights`.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`]; [`Error::TotalIsZero`] if there are no values; [`Error::NoSuchLeaf`] if there are
    /// more than 2^31 of them.
    #[expect(clippy::missing_panics_doc, reason = "every value is a position in memory")]
    pub fn new(accounts: &[Account], weights: &[u64], lanes: Lanes) -> Result<Self, Error> {
        require_length("weights", accounts.len(), weights.len())?;
        let count = accounts.len();
        let Ok(number) = u32::try_from(count).and_then(|count| i32::try_from(count).map(|_| count)) else {
            return Err(Error::NoSuchLeaf { index: count as u64, count: 1 << 31 });
        };
        if count == 0 {
            return Err(Error::TotalIsZero);
        }
        // The hashes wait where the nodes above them will stand: memory that is not asked for need not be cleared.
        let mut nodes = vec![[0; 4]; 2 * count - 1];
        lanes.run(Leaves { accounts, weights, hashes: &mut nodes[..count] });
        // By the first bits of the hash, then by the value, as one number; the few with equal bits once more by all.
        let value_bits = u64::BITS - (count as u64 - 1).leading_zeros();
        let bits = |place: u64| place >> value_bits;
        let value = |place: u64| usize::try_from(place & ((1 << value_bits) - 1)).expect("a position in memory");
        let order = nodes[..count].iter().zip(0_u64..);
        let mut order: Vec<u64> = order.map(|(hash, value)| bits(hash[0].swap_bytes()) << value_bits | value).collect();
        order.sort_unstable();
        for equal in order.chunk_by_mut(|&one, &other| bits(one) == bits(other)).filter(|equal| equal.len() > 1) {
            equal.sort_unstable_by_key(|&place| (key(&nodes[value(place)]), value(place)));
        }

        // From the end, so that the one place that is of both is written last.
        let mut positions = vec![0; count];
        for (position, &place) in (number - 1..2 * number - 1).rev().zip(&order) {
            nodes[position as usize] = nodes[value(place)];
            positions[value(place)] = position;
        }
        lanes.run(Parents(&mut nodes));
        Ok(Self { nodes, positions })
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> Hash {
        hash_of(self.nodes[0])
    }

    /// The number of values.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.positions.len() as u64
    }

    /// The proof of the value at `index`: the siblings from the leaf up.
    ///
    /// # Errors
    /// [`Error::NoSuchLeaf`].
    pub fn proof(&self, index: u64) -> Result<Vec<Hash>, Error> {
        let position = usize::try_from(index).ok().and_then(|index| self.positions.get(index));
        let mut position = *position.ok_or(Error::NoSuchLeaf { index, count: self.count() })? as usize;
        let mut proof = Vec::new();
        while position > 0 {
            let sibling = if position % 2 == 1 { position + 1 } else { position - 1 };
            proof.push(hash_of(self.nodes[sibling]));
            position = (position - 1) / 2;
        }
        Ok(proof)
    }
}

/// Checks that `account` with `weight` is a value of the tree with this `root`.
///
/// # Errors
/// [`Error::ProofRefused`] for the root it leads to, or for a length that is not a number of hashes.
pub fn verify_standard(root: &Hash, account: &Account, weight: u128, proof: &[u8]) -> Result<(), Error> {
    let (siblings, excess) = proof.as_chunks::<32>();
    if !excess.is_empty() {
        return Err(Error::ProofRefused(Refusal::Length(proof.len() as u64)));
    }
    let top = siblings.iter().fold(leaf(account, weight), |node, sibling| pair(&node, sibling));
    if top == *root { Ok(()) } else { Err(Error::ProofRefused(Refusal::Root(top))) }
}

/// The words of eight messages, word by word.
type Messages = [[u64; NODES]; 8];

/// Hashes eight messages of 64 bytes, `TWICE` or once.
#[inline(always)]
fn hash_eight<const TWICE: bool, const N: usize, K: Kernel<N>>(kernel: K, messages: &Messages) -> [Words; NODES] {
    let mut hashes = [[0; 4]; NODES];
    for first in (0..NODES).step_by(N) {
        let mut message = [kernel.splat(0x01); 9];
        for (vector, words) in message.iter_mut().zip(messages) {
            *vector = kernel.load(words[first..].first_chunk().expect("a multiple of N lanes"));
        }
        let mut hash = kernel.hash(&message);
        if TWICE {
            hash = kernel.hash(&[hash[0], hash[1], hash[2], hash[3], kernel.splat(0x01)]);
        }
        for word in 0..4 {
            let mut words = [0; N];
            kernel.store(hash[word], &mut words);
            for lane in 0..N {
                hashes[first + lane][word] = words[lane];
            }
        }
    }
    hashes
}

struct Leaves<'a> {
    accounts: &'a [Account],
    weights: &'a [u64],
    hashes: &'a mut [Words],
}

impl Work for Leaves<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const N: usize, K: Kernel<N>>(self, kernel: K) {
        let rows = self.accounts.chunks(NODES).zip(self.weights.chunks(NODES));
        for ((accounts, weights), hashes) in rows.zip(self.hashes.chunks_mut(NODES)) {
            let mut messages = [[0; NODES]; 8];
            for (lane, (account, weight)) in accounts.iter().zip(weights).enumerate() {
                // Twelve zeros and 20 bytes of account, then 24 zeros and 8 bytes of weight.
                let mut encoded = [0; 24];
                encoded[4..].copy_from_slice(account);
                for (word, bytes) in encoded.as_chunks::<8>().0.iter().enumerate() {
                    messages[1 + word][lane] = u64::from_le_bytes(*bytes);
                }
                messages[7][lane] = weight.swap_bytes();
            }
            hashes.copy_from_slice(&hash_eight::<true, N, K>(kernel, &messages)[..hashes.len()]);
        }
    }
}

/// Fills in the nodes above the leaves, which are there.
struct Parents<'a>(&'a mut [Words]);

impl Work for Parents<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const N: usize, K: Kernel<N>>(self, kernel: K) {
        let mut missing = self.0.len() / 2;
        while missing > 0 {
            // Eight parents at once have all their children behind them if the first of these does not stand among them.
            let batch = if missing > 2 * NODES { NODES } else { 1 };
            let first = missing - batch;
            let mut messages = [[0; NODES]; 8];
            let (children, _) = self.0[2 * first + 1..=2 * missing].as_chunks::<2>();
            for (lane, &[one, other]) in children.iter().enumerate() {
                // Chosen word by word: a branch would be wrong half of the time.
                let turned = key(&one) > key(&other);
                for word in 0..4 {
                    messages[word][lane] = if turned { other[word] } else { one[word] };
                    messages[4 + word][lane] = if turned { one[word] } else { other[word] };
                }
            }
            self.0[first..missing].copy_from_slice(&hash_eight::<false, N, K>(kernel, &messages)[..batch]);
            missing = first;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_stand_in_falling_order() {
        let tree = StandardTree::new(&[[7; 20]; 9], &[5; 9], Lanes::best()).unwrap();
        assert_eq!(tree.positions, [16, 15, 14, 13, 12, 11, 10, 9, 8]);
        assert_eq!(tree.nodes[8..], [tree.nodes[16]; 9]);
    }

    #[test]
    fn every_value_is_proven_whatever_the_lanes() {
        for count in (1..40).chain([100, 1_000]) {
            let accounts: Vec<Account> = (0..count)
                .map(|number: u64| {
                    let mut account = [3; 20];
                    account[..8].copy_from_slice(&number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
                    account
                })
                .collect();
            let weights: Vec<u64> = (0..count).map(|number| number << (number % 50)).collect();
            let tree = StandardTree::new(&accounts, &weights, Lanes::Scalar).unwrap();
            for lanes in Lanes::available() {
                assert_eq!(StandardTree::new(&accounts, &weights, lanes).as_ref(), Ok(&tree), "{lanes}");
            }
            for index in 0..count {
                let at = usize::try_from(index).unwrap();
                let proof = tree.proof(index).unwrap().concat();
                let weight = u128::from(weights[at]);
                assert_eq!(verify_standard(&tree.root(), &accounts[at], weight, &proof), Ok(()));
                assert!(verify_standard(&tree.root(), &accounts[at], weight + 1, &proof).is_err());
                assert!(verify_standard(&tree.root(), &accounts[at], weight, &[&proof[..], &[0]].concat()).is_err());
            }
            assert_eq!(tree.proof(count), Err(Error::NoSuchLeaf { index: count, count }));
        }
    }
}
