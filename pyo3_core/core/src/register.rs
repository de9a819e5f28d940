//! Share registers: a million holders in one hash.
//!
//! A register is a Merkle-sum tree. A proof of a leaf gives its weight, the total, and the sum of everything to its left,
//! so whoever knows the root can compute what the leaf's holder is owed.

use crate::keccak::{Lanes, keccak256};
use crate::shares::{self, Slice, Stage};
use crate::tree::{self, Block, node_words};
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
        let sum = sum_of(left.sum, right.sum)?;
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

/// A column of weights in 64 or in 128 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights<'a> {
    /// Weights of 64 bits.
    Narrow(&'a [u64]),
    /// Weights of 128 bits.
    Wide(&'a [u128]),
}

impl Weights<'_> {
    fn at(&self, position: usize) -> u128 {
        match self {
            Self::Narrow(weights) => weights[position].into(),
            Self::Wide(weights) => weights[position],
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Narrow(weights) => weights.len(),
            Self::Wide(weights) => weights.len(),
        }
    }

    /// The leaf at `begin`, up to seven behind it, and the levels above them that are not kept.
    fn family(&self, accounts: &[Account], begin: usize, lanes: Lanes) -> [Block; tree::LOWEST] {
        let run = begin..accounts.len().min(begin + (1 << tree::LOWEST));
        match self {
            Self::Narrow(weights) => tree::family(&accounts[run.clone()], &weights[run], lanes),
            Self::Wide(weights) => tree::family(&accounts[run.clone()], &weights[run], lanes),
        }
    }

    /// The node above so few leaves that none above them is kept.
    fn top(&self, accounts: &[Account]) -> Node {
        tree::node(&self.family(accounts, 0, Lanes::best())[tree::levels(accounts.len())..], 0)
    }

    fn first_overflow(&self) -> Result<(), Error> {
        let mut level: Vec<u128> = (0..self.len()).map(|position| self.at(position)).collect();
        while level.len() > 1 {
            let (pairs, promoted) = level.as_chunks::<2>();
            let parents = pairs.iter().map(|&[left, right]| sum_of(left, right));
            level = parents.chain(promoted.iter().copied().map(Ok)).collect::<Result<_, _>>()?;
        }
        Ok(())
    }
}

impl<'a> From<&'a [u64]> for Weights<'a> {
    fn from(weights: &'a [u64]) -> Self {
        Self::Narrow(weights)
    }
}

impl<'a> From<&'a [u128]> for Weights<'a> {
    fn from(weights: &'a [u128]) -> Self {
        Self::Wide(weights)
    }
}

/// R4: the sum of two neighbours.
fn sum_of(left: u128, right: u128) -> Result<u128, Error> {
    left.checked_add(right).ok_or(Error::SumOverflow { left, right })
}

/// How a register is built. The register does not depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// How many hashes are computed at once.
    pub lanes: Lanes,
    /// How many threads do it.
    pub threads: usize,
}

impl Default for Plan {
    fn default() -> Self {
        Self { lanes: Lanes::best(), threads: 1 }
    }
}

/// A register whose columns and nodes are kept elsewhere: in a [`Register`], in the arrays of another language, or in a
/// file that is mapped into memory.
#[derive(Debug, Clone, Copy)]
pub struct Tree<'a> {
    accounts: &'a [Account],
    weights: Weights<'a>,
    nodes: &'a [Block],
    top: Node,
}

impl<'a> Tree<'a> {
    /// Builds the register of `accounts` with their `weights`, in their order, into `nodes`, which are [`node_words`]
    /// words of zero.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if there are not as many weights as accounts or not as many nodes as it takes,
    /// [`Error::ZeroAccount`], [`Error::SumOverflow`], and R6: [`Error::TotalIsZero`] if the weights add up to nothing.
    pub fn build(
        accounts: &'a [Account],
        weights: impl Into<Weights<'a>>,
        nodes: &'a mut [u64],
        plan: Plan,
    ) -> Result<Self, Error> {
        let weights = weights.into();
        require_lengths(accounts, &weights, nodes)?;
        let blocks = nodes.as_chunks_mut().0;
        let found = match weights {
            Weights::Narrow(weights) => build_nodes(accounts, weights, blocks, plan),
            Weights::Wide(weights) => build_nodes(accounts, weights, blocks, plan),
        };
        if found.zero_account {
            refuse_zero_account(accounts, 0)?;
        }
        if found.overflow {
            weights.first_overflow()?;
        }
        Self::open(accounts, weights, nodes)
    }

    /// Takes up a register whose `nodes` were built before. They are believed: [`Tree::audit`] computes them again.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], and R6: [`Error::TotalIsZero`].
    pub fn open(accounts: &'a [Account], weights: impl Into<Weights<'a>>, nodes: &'a [u64]) -> Result<Self, Error> {
        let weights = weights.into();
        require_lengths(accounts, &weights, nodes)?;
        let nodes: &[Block] = nodes.as_chunks().0;
        let top = match nodes.last() {
            Some(_) => tree::node(nodes, 8 * (nodes.len() - 1)),
            None if accounts.is_empty() => return Err(Error::TotalIsZero),
            None => weights.top(accounts),
        };
        if top.sum == 0 {
            return Err(Error::TotalIsZero);
        }
        Ok(Self { accounts, weights, nodes, top })
    }

    /// Takes up a register in which the leaves `changed` are new, and makes the nodes above them again. Where this fails,
    /// the nodes mean nothing.
    ///
    /// # Errors
    /// As for [`Tree::build`], and [`Error::NoSuchLeaf`].
    pub fn refresh(
        accounts: &'a [Account],
        weights: impl Into<Weights<'a>>,
        nodes: &'a mut [u64],
        changed: &[u64],
    ) -> Result<Self, Error> {
        let weights = weights.into();
        require_lengths(accounts, &weights, nodes)?;
        let mut positions = Vec::with_capacity(changed.len());
        for &index in changed {
            let position = usize::try_from(index).ok().filter(|&position| position < accounts.len());
            let position = position.ok_or(Error::NoSuchLeaf { index, count: accounts.len() as u64 })?;
            refuse_zero_account(&accounts[position..=position], index)?;
            positions.push(position);
        }
        positions.sort_unstable();
        let leaf = |position: usize| tree::leaf_node(&accounts[position], weights.at(position));
        tree::refresh(accounts.len(), positions, leaf, nodes.as_chunks_mut().0)?;
        Self::open(accounts, weights, nodes)
    }

    /// Where the proofs of many leaves begin when they stand one after the other, the end of the last included.
    ///
    /// # Errors
    /// [`Error::NoSuchLeaf`].
    pub fn proof_offsets(&self, indices: &[u64]) -> Result<Vec<u64>, Error> {
        let mut offsets = Vec::with_capacity(indices.len() + 1);
        let mut end = 0;
        offsets.push(end);
        for &index in indices {
            self.position(index)?;
            end += (STEP_BYTES * sides(self.count(), index).flatten().count()) as u64;
            offsets.push(end);
        }
        Ok(offsets)
    }

    /// Writes the proofs of many leaves one after the other into `proofs`, which is as long as their offsets say.
    ///
    /// # Errors
    /// [`Error::NoSuchLeaf`], [`Error::LengthMismatch`].
    pub fn proofs(&self, indices: &[u64], proofs: &mut [u8]) -> Result<(), Error> {
        let (steps, rest) = proofs.as_chunks_mut::<STEP_BYTES>();
        let mut steps_left = steps.iter_mut();
        let lanes = Lanes::best();
        for &index in indices {
            for step in self.steps(self.position(index)?, lanes) {
                let next = steps_left.next();
                *next.ok_or(Error::LengthMismatch { what: "proofs", expected: 1, actual: 0 })? = step;
            }
        }
        require_length("proofs", 0, steps_left.len() + rest.len())
    }

    /// Computes every node again, into `nodes`, and tells whether they are the same.
    ///
    /// # Errors
    /// As for [`Tree::build`].
    pub fn audit(&self, nodes: &mut [u64], plan: Plan) -> Result<bool, Error> {
        let again = Tree::build(self.accounts, self.weights, nodes, plan)?;
        Ok(again.nodes == self.nodes)
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
        Ok(Leaf { account: self.accounts[position], weight: self.weights.at(position) })
    }

    /// The sum of the weights of all earlier leaves: where the slice of leaf `index` begins.
    ///
    /// # Errors
    /// [`Error::NoSuchLeaf`].
    pub fn before(&self, index: u64) -> Result<u128, Error> {
        let position = self.position(index)?;
        let family = position >> tree::LOWEST << tree::LOWEST;
        let lefts = self.kept_siblings(position).filter(|(side, _, _)| *side == Side::Left);
        let nearest = (family..position).map(|position| self.weights.at(position));
        Ok(lefts.map(|(_, level, sibling)| tree::sum(level, sibling)).chain(nearest).sum())
    }

    /// R5: the proof of leaf `index`: its siblings from the leaf up, [`STEP_BYTES`] each.
    ///
    /// # Errors
    /// [`Error::NoSuchLeaf`].
    pub fn proof(&self, index: u64) -> Result<Vec<u8>, Error> {
        Ok(self.steps(self.position(index)?, Lanes::best()).flatten().collect())
    }

    /// R8: the proof of the `length` leaves from `first` on: the nodes beside them, level by level from the leaves up, the
    /// left one before the right one. Of one leaf it is its proof.
    ///
    /// The way up of the first leaf has the left ones for its siblings, that of the last leaf the right ones.
    ///
    /// # Errors
    /// [`Error::NoSuchLeaf`], also of no leaves at all.
    pub fn run_proof(&self, first: u64, length: u64) -> Result<Vec<u8>, Error> {
        let last = length.checked_sub(1).and_then(|more| first.checked_add(more)).unwrap_or(u64::MAX);
        let (first, last) = (self.position(first)?, self.position(last)?);
        let lanes = Lanes::best();
        let (mut lefts, mut rights) = (self.steps(first, lanes), self.steps(last, lanes));
        let mut proof = Vec::new();
        for (of_first, of_last) in sides(self.count(), first as u64).zip(sides(self.count(), last as u64)) {
            let left = of_first.and_then(|side| lefts.next().filter(|_| side == Side::Left));
            let right = of_last.and_then(|side| rights.next().filter(|_| side == Side::Right));
            proof.extend(left.into_iter().chain(right).flatten());
        }
        Ok(proof)
    }

    /// The steps of the proof of the leaf at `position`.
    fn steps(&self, position: usize, lanes: Lanes) -> impl Iterator<Item = [u8; STEP_BYTES]> {
        let family = position >> tree::LOWEST << tree::LOWEST;
        let nearest = self.weights.family(self.accounts, family, lanes);
        let low = sides(self.count(), position as u64).take(tree::LOWEST).enumerate();
        let low = low.filter_map(move |(height, side)| {
            side.map(|_| tree::node(&nearest[height..=height], (position - family) >> height ^ 1))
        });
        let high = self.kept_siblings(position).map(|(_, level, sibling)| tree::node(level, sibling));
        low.chain(high).map(Node::to_step)
    }

    /// What every leaf is entitled to of the `income` of the register's leg.
    ///
    /// Once closed, the figures add up to exactly the income.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "the weights are exactly their total")]
    pub fn statements(&self, income: u64, stage: Stage) -> Vec<u64> {
        let total = self.total();
        match self.weights {
            Weights::Narrow(weights) => {
                let mut statements = vec![0; weights.len()];
                shares::share(income, weights, total, stage, 1, &mut statements).expect("the total is theirs");
                statements
            }
            Weights::Wide(weights) => shares::wide_column(income, weights, total, stage),
        }
    }

    /// The siblings that are kept on the way from the leaf at `position` to the top: on which side, in which level, and at
    /// which position of it.
    fn kept_siblings(&self, position: usize) -> impl Iterator<Item = (Side, &'a [Block], usize)> {
        let count = self.accounts.len();
        let mut above = self.nodes;
        sides(self.count(), position as u64).enumerate().skip(tree::LOWEST).filter_map(move |(height, side)| {
            let (level, rest) = above.split_at(tree::blocks_at(count, height));
            above = rest;
            Some((side?, level, (position >> height) ^ 1))
        })
    }

    /// `index` as a position in memory.
    fn position(&self, index: u64) -> Result<usize, Error> {
        let position = usize::try_from(index).ok().filter(|&position| position < self.accounts.len());
        position.ok_or(Error::NoSuchLeaf { index, count: self.count() })
    }
}

/// Refuses columns and nodes that do not belong together.
fn require_lengths(accounts: &[Account], weights: &Weights<'_>, nodes: &[u64]) -> Result<(), Error> {
    require_length("weights", accounts.len(), weights.len())?;
    require_length("nodes", node_words(accounts.len()), nodes.len())
}

/// Refuses a column that has not as many rows as it must have.
pub(crate) fn require_length(what: &'static str, expected: usize, actual: usize) -> Result<(), Error> {
    if expected == actual {
        return Ok(());
    }
    Err(Error::LengthMismatch { what, expected: expected as u64, actual: actual as u64 })
}

/// R6: names the first leaf of the zero account among those from leaf `start` on.
pub(crate) fn refuse_zero_account(accounts: &[Account], start: u64) -> Result<(), Error> {
    match accounts.iter().position(|account| *account == EMPTY_ACCOUNT) {
        Some(position) => Err(Error::ZeroAccount { index: start + position as u64 }),
        None => Ok(()),
    }
}

/// Makes all nodes.
fn build_nodes<W: Copy + Into<u128> + Sync>(
    accounts: &[Account],
    weights: &[W],
    nodes: &mut [Block],
    plan: Plan,
) -> tree::Found {
    let count = accounts.len();
    let whole = count / tree::UNIT * tree::UNIT;
    let mut found = tree::Found::default();
    if whole > 0 {
        let mut rest = &mut *nodes;
        let levels = std::array::from_fn(|kept| {
            let height = tree::LOWEST + kept;
            let level = rest.split_off_mut(..tree::blocks_at(count, height)).expect("every level has its blocks");
            &mut level[..(whole >> height) / 8]
        });
        found |= tree::build_units(&accounts[..whole], &weights[..whole], levels, plan.lanes, plan.threads);
    }
    let (leaves, at_the_end) = tree::leaf_blocks(&accounts[whole..], &weights[whole..], plan.lanes);
    found |= at_the_end;
    found |= tree::build_rest(count, leaves, nodes, plan.lanes);
    found
}

/// A register in memory with all its nodes, ready to prove every leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register {
    accounts: Vec<Account>,
    weights: Column,
    nodes: Vec<u64>,
    top: Node,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Column {
    Narrow(Vec<u64>),
    Wide(Vec<u128>),
}

impl Register {
    /// Builds the register of `accounts` with their `weights`, in their order.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if there are not as many weights as accounts, [`Error::ZeroAccount`],
    /// [`Error::SumOverflow`], and R6: [`Error::TotalIsZero`] if the weights add up to nothing.
    pub fn new<'a>(accounts: &'a [Account], weights: impl Into<Weights<'a>>) -> Result<Self, Error> {
        Self::planned(accounts, weights, Plan::default())
    }

    /// [`Register::new`] by a plan.
    ///
    /// # Errors
    /// As for [`Register::new`].
    pub fn planned<'a>(accounts: &'a [Account], weights: impl Into<Weights<'a>>, plan: Plan) -> Result<Self, Error> {
        let weights = weights.into();
        let mut nodes = vec![0; node_words(accounts.len())];
        let top = Tree::build(accounts, weights, &mut nodes, plan)?.top;
        let weights = match weights {
            Weights::Narrow(weights) => Column::Narrow(weights.to_vec()),
            Weights::Wide(weights) => Column::Wide(weights.to_vec()),
        };
        Ok(Self { accounts: accounts.to_vec(), weights, nodes, top })
    }

    /// The register as it is read.
    #[must_use]
    pub fn tree(&self) -> Tree<'_> {
        let weights = match &self.weights {
            Column::Narrow(weights) => Weights::Narrow(weights),
            Column::Wide(weights) => Weights::Wide(weights),
        };
        Tree { accounts: &self.accounts, weights, nodes: self.nodes.as_chunks().0, top: self.top }
    }

    /// See [`Tree::root`].
    #[must_use]
    pub fn root(&self) -> Hash {
        self.top.hash
    }

    /// See [`Tree::total`].
    #[must_use]
    pub fn total(&self) -> u128 {
        self.top.sum
    }

    /// See [`Tree::count`].
    #[must_use]
    pub fn count(&self) -> u64 {
        self.tree().count()
    }

    /// See [`Tree::leaf`].
    ///
    /// # Errors
    /// [`Error::NoSuchLeaf`].
    pub fn leaf(&self, index: u64) -> Result<Leaf, Error> {
        self.tree().leaf(index)
    }

    /// See [`Tree::before`].
    ///
    /// # Errors
    /// [`Error::NoSuchLeaf`].
    pub fn before(&self, index: u64) -> Result<u128, Error> {
        self.tree().before(index)
    }

    /// See [`Tree::proof`].
    ///
    /// # Errors
    /// [`Error::NoSuchLeaf`].
    pub fn proof(&self, index: u64) -> Result<Vec<u8>, Error> {
        self.tree().proof(index)
    }

    /// See [`Tree::run_proof`].
    ///
    /// # Errors
    /// [`Error::NoSuchLeaf`].
    pub fn run_proof(&self, first: u64, length: u64) -> Result<Vec<u8>, Error> {
        self.tree().run_proof(first, length)
    }

    /// See [`Tree::statements`].
    #[must_use]
    pub fn statements(&self, income: u64, stage: Stage) -> Vec<u64> {
        self.tree().statements(income, stage)
    }
}

/// The height of the largest subtree whose nodes a part holds while it is hashed: they stay in the processor's caches.
const PIECE_LEVELS: u32 = 16;

/// A run of leaves `[start, end)` that was hashed by itself. Neighbouring parts merge, in any grouping, into the register
/// that would have been built at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    start: u64,
    end: u64,
    /// The largest whole subtrees that fit, in the order of their leaves, each with its height.
    subtrees: Vec<(u32, Node)>,
}

impl Part {
    /// Hashes the leaves from `start` on.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::ZeroAccount`], [`Error::SumOverflow`], and [`Error::NoSuchLeaf`] if there would
    /// be more than [`MAX_COUNT`] leaves.
    pub fn new<'a>(
        start: u64,
        accounts: &[Account],
        weights: impl Into<Weights<'a>>,
        plan: Plan,
    ) -> Result<Self, Error> {
        let weights = weights.into();
        require_length("weights", accounts.len(), weights.len())?;
        // Hashing comes upon a zero account by itself; which one it is, and whether there is one as well as something else
        // that is wrong, is asked only then.
        Self::hash(start, accounts, weights, plan)
            .map_err(|error| refuse_zero_account(accounts, start).err().unwrap_or(error))
    }

    fn hash(start: u64, accounts: &[Account], weights: Weights<'_>, plan: Plan) -> Result<Self, Error> {
        let end = start.checked_add(accounts.len() as u64).filter(|&end| end <= MAX_COUNT);
        let end = end.ok_or(Error::NoSuchLeaf { index: start, count: MAX_COUNT })?;

        let mut part = Self { start, end: start, subtrees: Vec::new() };
        let mut nodes = vec![0; node_words(accounts.len().min(1 << PIECE_LEVELS))];
        let mut position = 0;
        while position < accounts.len() {
            let here = start + position as u64;
            let fits = (accounts.len() - position).ilog2().min(PIECE_LEVELS);
            let height = if here == 0 { fits } else { here.trailing_zeros().min(fits) };
            let run = position..position + (1 << height);
            let node = weights.subtree(&accounts[run.clone()], run.clone(), &mut nodes, plan)?;
            part.push(height, node)?;
            position = run.end;
        }
        debug_assert_eq!(part.end, end);
        Ok(part)
    }

    /// Merges this part with the one that begins where it ends.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if `next` begins elsewhere, [`Error::SumOverflow`].
    pub fn merge(mut self, next: &Self) -> Result<Self, Error> {
        if self.end != next.start {
            return Err(Error::LengthMismatch { what: "start", expected: self.end, actual: next.start });
        }
        for (height, node) in &next.subtrees {
            self.push(*height, *node)?;
        }
        Ok(self)
    }

    /// R3, R6: the node at the top of the register and the number of its leaves, when there are no others.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if leaves before these are missing, [`Error::SumOverflow`], [`Error::TotalIsZero`].
    pub fn finish(&self) -> Result<(Node, u64), Error> {
        if self.start != 0 {
            return Err(Error::LengthMismatch { what: "start", expected: 0, actual: self.start });
        }
        // What is on the right waits, promoted, until a subtree on its left is as high.
        let mut subtrees = self.subtrees.iter().rev();
        let Some(&(_, mut top)) = subtrees.next() else { return Err(Error::TotalIsZero) };
        for (_, left) in subtrees {
            top = Node::parent(left, &top)?;
        }
        if top.sum == 0 {
            return Err(Error::TotalIsZero);
        }
        Ok((top, self.end))
    }

    /// Adds the next subtree, and joins it with its left siblings.
    fn push(&mut self, mut height: u32, mut node: Node) -> Result<(), Error> {
        let mut start = self.end;
        self.end += 1 << height;
        while start >> height & 1 == 1 {
            let Some((_, left)) = self.subtrees.pop_if(|(left, _)| *left == height) else { break };
            node = Node::parent(&left, &node)?;
            start -= 1 << height;
            height += 1;
        }
        self.subtrees.push((height, node));
        Ok(())
    }
}

impl Weights<'_> {
    /// The node above a run of leaves, which are a power of two and may weigh nothing.
    fn subtree(
        &self,
        accounts: &[Account],
        run: std::ops::Range<usize>,
        nodes: &mut [u64],
        plan: Plan,
    ) -> Result<Node, Error> {
        let weights = match self {
            Self::Narrow(weights) => Weights::Narrow(&weights[run]),
            Self::Wide(weights) => Weights::Wide(&weights[run]),
        };
        let blocks = nodes[..node_words(accounts.len())].as_chunks_mut().0;
        let found = match weights {
            Weights::Narrow(weights) => build_nodes(accounts, weights, blocks, plan),
            Weights::Wide(weights) => build_nodes(accounts, weights, blocks, plan),
        };
        if found.zero_account {
            refuse_zero_account(accounts, 0)?; // The caller tells where.
        }
        if found.overflow {
            weights.first_overflow()?;
        }
        match blocks.len() {
            0 => Ok(weights.top(accounts)),
            _ => Ok(tree::node(blocks, 8 * (blocks.len() - 1))),
        }
    }
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
    fn part_with_a_zero_account_tells_where_it_is_whatever_else_is_wrong() {
        for at in [0, 5, 20] {
            let mut accounts = [[1; 20]; 21];
            accounts[at] = EMPTY_ACCOUNT;
            let refused = Err(Error::ZeroAccount { index: 8 + at as u64 });
            assert_eq!(Part::new(8, &accounts, [1_u64; 21].as_slice(), Plan::default()), refused);
            assert_eq!(Part::new(8, &accounts, [u128::MAX; 21].as_slice(), Plan::default()), refused);
        }
    }

    #[test]
    fn register_of_nobody_is_refused() {
        assert_eq!(Register::new(&[], &[] as &[u64]), Err(Error::TotalIsZero));
        assert_eq!(Register::new(&[HOUSEHOLD], [0_u64].as_slice()), Err(Error::TotalIsZero));
    }

    #[test]
    fn register_with_a_leaf_of_nobody_is_refused() {
        let accounts = [HOUSEHOLD, EMPTY_ACCOUNT];
        assert_eq!(Register::new(&accounts, [1_u64, 1].as_slice()), Err(Error::ZeroAccount { index: 1 }));
    }

    #[test]
    fn register_with_more_weights_than_accounts_is_refused() {
        let refused = Error::LengthMismatch { what: "weights", expected: 1, actual: 2 };
        assert_eq!(Register::new(&[HOUSEHOLD], [1_u64, 1].as_slice()), Err(refused));
    }

    #[test]
    fn register_whose_total_does_not_fit_is_refused() {
        let refused = Error::SumOverflow { left: u128::MAX, right: 1 };
        assert_eq!(Register::new(&[COOPERATIVE, HOUSEHOLD], [u128::MAX, 1].as_slice()), Err(refused));
        assert!(Register::new(&[COOPERATIVE, HOUSEHOLD], [u128::MAX, 0].as_slice()).is_ok());
    }

    #[test]
    fn leaf_just_behind_the_last_is_refused() {
        let register = Register::new(&[COOPERATIVE, HOUSEHOLD], [7_u64, 3].as_slice()).unwrap();
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
