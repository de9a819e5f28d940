//! Share registers: a million holders in one hash.
//!
//! A register is a Merkle-sum tree. A proof of a leaf gives its weight, the total, and the sum of everything to its left,
//! so whoever knows the root can compute what the leaf's holder is owed.

use crate::keccak::keccak256;
use crate::shares::{self, Slice, Stage};
use crate::{Error, Refusal};

/// An account on chain.
pub type Account = [u8; 20];

/// A Keccak-256 hash.
pub type Hash = [u8; 32];

/// The largest number of leaves of a register.
pub const MAX_COUNT: u64 = 1 << 63;

/// The length of one step of a proof: the hash of a sibling, then its sum.
pub const STEP_BYTES: usize = 48;

/// The account nobody owns.
const EMPTY_ACCOUNT: Account = [0; 20];

/// One line of a register. Two leaves may name the same account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaf {
    /// Whose line it is.
    pub account: Account,
    /// The length of its slice.
    pub weight: u128,
}

/// A subtree of a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// The hash of everything in it.
    pub hash: Hash,
    /// The sum of the weights in it.
    pub sum: u128,
}

impl Leaf {
    /// R1: `keccak256(0x00 ‖ account ‖ weight)`.
    #[must_use]
    pub fn node(&self) -> Node {
        let mut preimage = [0; 37];
        preimage[1..21].copy_from_slice(&self.account);
        preimage[21..].copy_from_slice(&self.weight.to_be_bytes());
        Node { hash: keccak256(&preimage), sum: self.weight }
    }
}

impl Node {
    /// R2: `keccak256(0x01 ‖ left ‖ left sum ‖ right ‖ right sum)`.
    ///
    /// # Errors
    /// R4: [`Error::SumOverflow`] if both sums together do not fit in 128 bits.
    pub fn parent(left: &Self, right: &Self) -> Result<Self, Error> {
        let overflow = Error::SumOverflow { left: left.sum, right: right.sum };
        let sum = left.sum.checked_add(right.sum).ok_or(overflow)?;
        let mut preimage = [1; 1 + 2 * STEP_BYTES];
        preimage[1..49].copy_from_slice(&left.to_step());
        preimage[49..].copy_from_slice(&right.to_step());
        Ok(Self { hash: keccak256(&preimage), sum })
    }

    /// R5: the node as a step of the proof of its sibling.
    fn to_step(self) -> [u8; STEP_BYTES] {
        let mut step = [0; STEP_BYTES];
        step[..32].copy_from_slice(&self.hash);
        step[32..].copy_from_slice(&self.sum.to_be_bytes());
        step
    }

    /// The node that a step of a proof tells of.
    fn from_step(step: &[u8; STEP_BYTES]) -> Self {
        let (mut hash, mut sum) = ([0; 32], [0; 16]);
        hash.copy_from_slice(&step[..32]);
        sum.copy_from_slice(&step[32..]);
        Self { hash, sum: u128::from_be_bytes(sum) }
    }
}

/// A register with all its nodes, ready to prove every leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register {
    accounts: Vec<Account>,
    /// From the leaves, whose sums are the weights, up to the top, which is alone in its level.
    levels: Vec<Vec<Node>>,
    top: Node,
}

impl Register {
    /// Builds the register of `accounts` with their `weights`, in their order.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if there are not as many weights as accounts, [`Error::ZeroAccount`],
    /// [`Error::SumOverflow`], and R6: [`Error::TotalIsZero`] if the weights add up to nothing.
    pub fn new<W: Copy + Into<u128>>(accounts: &[Account], weights: &[W]) -> Result<Self, Error> {
        if accounts.len() != weights.len() {
            let (expected, actual) = (accounts.len() as u64, weights.len() as u64);
            return Err(Error::LengthMismatch { what: "weights", expected, actual });
        }
        if let Some(index) = accounts.iter().position(|account| *account == EMPTY_ACCOUNT) {
            return Err(Error::ZeroAccount { index: index as u64 });
        }

        let leaves = accounts.iter().zip(weights);
        let mut level: Vec<Node> =
            leaves.map(|(&account, &weight)| Leaf { account, weight: weight.into() }.node()).collect();
        let mut levels = Vec::new();
        while level.len() > 1 {
            let parents = parents(&level)?;
            levels.push(level);
            level = parents;
        }

        match level.first() {
            Some(&top) if top.sum > 0 => {
                levels.push(level);
                Ok(Self { accounts: accounts.to_vec(), levels, top })
            }
            _ => Err(Error::TotalIsZero),
        }
    }

    /// The hash that stands for the whole register; of a single leaf, the leaf's hash.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.top.hash
    }

    /// The sum of all weights, which is above zero.
    #[must_use]
    pub fn total(&self) -> u128 {
        self.top.sum
    }

    /// The number of leaves, which is above zero.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.accounts.len() as u64
    }

    /// The leaf at `index`.
    ///
    /// # Errors
    /// [`Error::NoSuchLeaf`].
    pub fn leaf(&self, index: u64) -> Result<Leaf, Error> {
        let position = self.position(index)?;
        Ok(Leaf { account: self.accounts[position], weight: self.levels[0][position].sum })
    }

    /// The sum of the weights of all earlier leaves: where the slice of leaf `index` begins.
    ///
    /// # Errors
    /// [`Error::NoSuchLeaf`].
    pub fn before(&self, index: u64) -> Result<u128, Error> {
        let siblings = self.siblings(index)?;
        Ok(siblings.filter(|(side, _)| *side == Side::Left).map(|(_, sibling)| sibling.sum).sum())
    }

    /// R5: the proof of leaf `index`: its siblings from the leaf up, [`STEP_BYTES`] each.
    ///
    /// # Errors
    /// [`Error::NoSuchLeaf`].
    pub fn proof(&self, index: u64) -> Result<Vec<u8>, Error> {
        Ok(self.siblings(index)?.flat_map(|(_, sibling)| sibling.to_step()).collect())
    }

    /// What every leaf is entitled to of the `income` of the register's leg.
    ///
    /// Once closed, the figures add up to exactly the income.
    #[must_use]
    pub fn statements(&self, income: u64, stage: Stage) -> Vec<u64> {
        let weights = self.levels[0].iter().map(|leaf| leaf.sum);
        shares::column(income, weights, self.total(), stage)
    }

    /// The siblings on the way from leaf `index` to the top.
    fn siblings(&self, index: u64) -> Result<impl Iterator<Item = (Side, &Node)>, Error> {
        let position = self.position(index)?;
        let levels = sides(self.count(), index).zip(&self.levels).enumerate();
        Ok(levels.filter_map(move |(height, (side, level))| Some((side?, &level[(position >> height) ^ 1]))))
    }

    /// `index` as a position in memory.
    fn position(&self, index: u64) -> Result<usize, Error> {
        let position = usize::try_from(index).ok().filter(|&position| position < self.accounts.len());
        position.ok_or(Error::NoSuchLeaf { index, count: self.count() })
    }
}

/// R3: the level above `level`, to which the last of an odd number of nodes is promoted unchanged, never duplicated.
fn parents(level: &[Node]) -> Result<Vec<Node>, Error> {
    let (pairs, promoted) = level.as_chunks::<2>();
    let parents = pairs.iter().map(|[left, right]| Node::parent(left, right));
    parents.chain(promoted.iter().copied().map(Ok)).collect()
}

/// On which side of its sibling a node is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// R5: on which side the sibling is, for each level on the way from leaf `index` of `count` up; none if the node is
/// promoted.
fn sides(mut count: u64, mut index: u64) -> impl Iterator<Item = Option<Side>> {
    std::iter::from_fn(move || {
        if count <= 1 {
            return None;
        }
        let side = if index % 2 == 1 { Some(Side::Left) } else { (index + 1 < count).then_some(Side::Right) };
        index /= 2;
        count = count.div_ceil(2);
        Some(side)
    })
}

/// R5: walks from `leaf` at `index` of `count` to the root and returns the leaf's slice, added up on the way.
///
/// `count` must come from whoever vouches for `root`: a root does not tell how many leaves it stands for.
///
/// # Errors
/// [`Error::ProofRefused`] if the proof does not lead to `root`; R6: [`Error::TotalIsZero`].
pub fn verify(root: &Hash, count: u64, index: u64, leaf: &Leaf, proof: &[u8]) -> Result<Slice, Error> {
    if count == 0 || count > MAX_COUNT {
        return Err(Error::ProofRefused(Refusal::Count(count)));
    }
    if index >= count {
        return Err(Error::ProofRefused(Refusal::Index(index)));
    }
    let (steps, excess) = proof.as_chunks::<STEP_BYTES>();
    if !excess.is_empty() || steps.len() != sides(count, index).flatten().count() {
        return Err(Error::ProofRefused(Refusal::Length(proof.len() as u64)));
    }

    let mut before = 0;
    let mut node = leaf.node();
    for (side, step) in sides(count, index).flatten().zip(steps) {
        let sibling = Node::from_step(step);
        let parent = match side {
            Side::Left => Node::parent(&sibling, &node),
            Side::Right => Node::parent(&node, &sibling),
        };
        node = parent.map_err(|_| Error::ProofRefused(Refusal::Sum(sibling.sum)))?;
        if side == Side::Left {
            before += sibling.sum;
        }
    }

    if node.hash != *root {
        return Err(Error::ProofRefused(Refusal::Root(node.hash)));
    }
    Slice::new(before, leaf.weight, node.sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOPERATIVE: Account = [0xC0; 20];
    const HOUSEHOLD: Account = [0x40; 20];

    #[test]
    fn register_of_nobody_is_refused() {
        assert_eq!(Register::new::<u64>(&[], &[]), Err(Error::TotalIsZero));
        assert_eq!(Register::new(&[HOUSEHOLD], &[0_u64]), Err(Error::TotalIsZero));
    }

    #[test]
    fn register_with_a_leaf_of_nobody_is_refused() {
        let accounts = [HOUSEHOLD, EMPTY_ACCOUNT];
        assert_eq!(Register::new(&accounts, &[1_u64, 1]), Err(Error::ZeroAccount { index: 1 }));
    }

    #[test]
    fn register_with_more_weights_than_accounts_is_refused() {
        let refused = Error::LengthMismatch { what: "weights", expected: 1, actual: 2 };
        assert_eq!(Register::new(&[HOUSEHOLD], &[1_u64, 1]), Err(refused));
    }

    #[test]
    fn register_whose_total_does_not_fit_is_refused() {
        let refused = Error::SumOverflow { left: u128::MAX, right: 1 };
        assert_eq!(Register::new(&[COOPERATIVE, HOUSEHOLD], &[u128::MAX, 1]), Err(refused));
        assert!(Register::new(&[COOPERATIVE, HOUSEHOLD], &[u128::MAX, 0]).is_ok());
    }

    #[test]
    fn leaf_just_behind_the_last_is_refused() {
        let register = Register::new(&[COOPERATIVE, HOUSEHOLD], &[7_u64, 3]).unwrap();
        let refused = Error::NoSuchLeaf { index: 2, count: 2 };
        assert_eq!(register.leaf(2), Err(refused.clone()));
        assert_eq!(register.before(2), Err(refused.clone()));
        assert_eq!(register.proof(2), Err(refused));
        assert_eq!(register.leaf(1), Ok(Leaf { account: HOUSEHOLD, weight: 3 }));
    }

    #[test]
    fn sum_of_a_proof_that_does_not_fit_is_refused() {
        let leaf = Leaf { account: HOUSEHOLD, weight: 1 };
        let step = Node { hash: [0; 32], sum: u128::MAX }.to_step();
        let refused = Error::ProofRefused(Refusal::Sum(u128::MAX));
        assert_eq!(verify(&[0; 32], 2, 0, &leaf, &step), Err(refused));
    }

    #[test]
    fn promoted_leaf_has_no_step_until_it_has_a_sibling() {
        assert_eq!(sides(5, 4).collect::<Vec<_>>(), [None, None, Some(Side::Left)]);
        assert_eq!(sides(1, 0).count(), 0);
        assert_eq!(sides(MAX_COUNT, 0).count(), 63);
    }
}
