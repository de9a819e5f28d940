//! The nodes of a register above its leaves, laid out so that they can be hashed eight at a time.
//!
//! Nodes stand in blocks of eight: first the first word of all eight hashes, then the second, and so on, then the low
//! words of the eight sums, then the high ones. A level is a run of whole blocks, unused places are zero, and the levels
//! follow each other from height [`LOWEST`] to the top. What is below is seven eighths of all nodes and is not kept: a proof
//! hashes the eight leaves around its own again, which takes three permutations side by side. Writing to memory for the
//! first time costs more than that.

use crate::Error;
use crate::keccak::{Kernel, Lanes, Work};
use crate::register::{Account, Leaf, Node};

/// Eight nodes.
pub(crate) type Block = [u64; BLOCK_WORDS];

/// The number of 64-bit words of a block.
pub(crate) const BLOCK_WORDS: usize = 48;

const NODES: usize = 8;
const HASH_WORDS: usize = 4;
const LOW: usize = HASH_WORDS;
const HIGH: usize = HASH_WORDS + 1;
const EMPTY: Block = [0; BLOCK_WORDS];

/// The height of the lowest nodes that are kept: each stands for as many leaves as a block has.
pub(crate) const LOWEST: usize = 3;

/// The height of a unit, whose levels are built together while they are in the processor's nearest cache.
pub(crate) const UNIT_HEIGHT: usize = 7;

/// The levels of a unit that are kept.
pub(crate) const UNIT_LEVELS: usize = UNIT_HEIGHT + 1 - LOWEST;

/// The leaves of a unit: its highest level is one block.
pub(crate) const UNIT: usize = NODES << UNIT_HEIGHT;

/// The blocks of leaves below one block of the lowest nodes that are kept.
const FAMILY: usize = 1 << LOWEST;

/// The number of levels above `count` leaves.
pub(crate) fn levels(count: usize) -> usize {
    count.next_power_of_two().ilog2() as usize
}

/// The number of nodes at `height` above `count` leaves.
fn nodes_at(count: usize, height: usize) -> usize {
    count.div_ceil(1 << height)
}

/// The number of blocks at `height` above `count` leaves.
pub(crate) fn blocks_at(count: usize, height: usize) -> usize {
    nodes_at(count, height).div_ceil(NODES)
}

/// The number of blocks that are kept below `height`.
pub(crate) fn blocks_below(count: usize, height: usize) -> usize {
    (LOWEST..height).map(|below| blocks_at(count, below)).sum()
}

/// The number of 64-bit words that the nodes take that are kept above `count` leaves.
#[must_use]
pub fn node_words(count: usize) -> usize {
    BLOCK_WORDS * blocks_below(count, levels(count) + 1)
}

/// The node at `position` of a level.
pub(crate) fn node(level: &[Block], position: usize) -> Node {
    let (block, lane) = (&level[position / NODES], position % NODES);
    let word = |word: usize| block[NODES * word + lane];
    Node {
        hash: crate::keccak::hash_of([word(0), word(1), word(2), word(3)]),
        sum: u128::from(word(HIGH)) << 64 | u128::from(word(LOW)),
    }
}

/// Puts `node` at `position` of a level.
pub(crate) fn set_node(level: &mut [Block], position: usize, node: &Node) {
    let (block, lane) = (&mut level[position / NODES], position % NODES);
    for (word, value) in crate::keccak::words_of(&node.hash).into_iter().enumerate() {
        block[NODES * word + lane] = value;
    }
    let (low, high) = halves(node.sum);
    block[NODES * LOW + lane] = low;
    block[NODES * HIGH + lane] = high;
}

/// The sum at `position` of a level.
pub(crate) fn sum(level: &[Block], position: usize) -> u128 {
    let (block, lane) = (&level[position / NODES], position % NODES);
    u128::from(block[NODES * HIGH + lane]) << 64 | u128::from(block[NODES * LOW + lane])
}

/// The low and the high word of a sum.
#[expect(clippy::cast_possible_truncation, reason = "this is what a low word is")]
#[inline(always)]
fn halves(sum: u128) -> (u64, u64) {
    (sum as u64, (sum >> 64) as u64)
}

/// What hashing a run of leaves may come upon. The caller looks again where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Found {
    /// A leaf of the zero account.
    pub zero_account: bool,
    /// Two sums that do not fit in 128 bits together.
    pub overflow: bool,
}

impl std::ops::BitOrAssign for Found {
    fn bitor_assign(&mut self, other: Self) {
        self.zero_account |= other.zero_account;
        self.overflow |= other.overflow;
    }
}

/// Eight bytes of an account as a word.
#[inline(always)]
fn word_at<const AT: usize>(account: &Account) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&account[AT..AT + 8]);
    u64::from_le_bytes(word)
}

/// What goes into the hashes of eight leaves: three words of each account that overlap, then the weights.
type Preimage = [[u64; NODES]; 5];

/// Lays out eight leaves word by word. Returns whether one of them is of the zero account.
#[inline(always)]
fn lay_out<W: Copy + Into<u128>>(accounts: &[Account; NODES], weights: &[W; NODES], preimage: &mut Preimage) -> bool {
    let mut zero_account = false;
    for lane in 0..NODES {
        let account = &accounts[lane];
        let (begin, middle, end) = (word_at::<0>(account), word_at::<7>(account), word_at::<12>(account));
        zero_account |= begin | middle | end == 0;
        let (low, high) = halves(weights[lane].into());
        for (words, word) in preimage.iter_mut().zip([begin, middle, end, low, high]) {
            words[lane] = word;
        }
    }
    zero_account
}

/// `N` words of eight from lane `first` on.
#[inline(always)]
fn lanes<const N: usize>(words: &[u64], first: usize) -> &[u64; N] {
    words[first..].first_chunk().expect("a multiple of N lanes")
}

/// `N` words of eight from lane `first` on, to be written.
#[inline(always)]
fn lanes_mut<const N: usize>(words: &mut [u64], first: usize) -> &mut [u64; N] {
    words[first..].first_chunk_mut().expect("a multiple of N lanes")
}

/// Hashes single blocks of `message` words, which contain their padding but for its last bit, and stores the hashes.
#[inline(always)]
fn hash_into<const N: usize, const M: usize, K: Kernel<N>>(
    kernel: K,
    message: &[K::Vector; M],
    block: &mut Block,
    first: usize,
) {
    let hash = kernel.hash(message);
    for (word, words) in hash.into_iter().enumerate() {
        kernel.store(words, lanes_mut(block, NODES * word + first));
    }
}

/// R1 for eight leaves.
#[inline(always)]
fn leaf_block<const N: usize, K: Kernel<N>>(kernel: K, preimage: &Preimage, block: &mut Block) {
    for first in (0..NODES).step_by(N) {
        let (begin, middle) = (kernel.load(lanes(&preimage[0], first)), kernel.load(lanes(&preimage[1], first)));
        let end = kernel.load(lanes(&preimage[2], first));
        let (low, high) = (kernel.load(lanes(&preimage[3], first)), kernel.load(lanes(&preimage[4], first)));
        kernel.store(low, lanes_mut(block, NODES * LOW + first));
        kernel.store(high, lanes_mut(block, NODES * HIGH + first));
        // 0x00, 20 bytes of account, 16 of weight, and the padding.
        let (low, high) = (kernel.swap_bytes(low), kernel.swap_bytes(high));
        let message = [
            kernel.up::<8>(begin),
            middle,
            kernel.or(kernel.down::<24>(end), kernel.up::<40>(high)),
            kernel.or(kernel.down::<24>(high), kernel.up::<40>(low)),
            kernel.or(kernel.down::<24>(low), kernel.splat(0x01 << 40)),
        ];
        hash_into(kernel, &message, block, first);
    }
}

/// R2 for eight nodes. Adds to `carries` where one of the sums does not fit (R4).
#[inline(always)]
fn parent_block<const N: usize, K: Kernel<N>>(
    kernel: K,
    children: [&Block; 2],
    block: &mut Block,
    carries: &mut K::Vector,
) {
    for first in (0..NODES).step_by(N) {
        // The same word of the left and the right child of every lane.
        macro_rules! child {
            ($word:expr) => {
                kernel.unzip(
                    kernel.load(lanes(children[2 * first / NODES], NODES * $word + 2 * first % NODES)),
                    kernel.load(lanes(children[(2 * first + N) / NODES], NODES * $word + (2 * first + N) % NODES)),
                )
            };
        }
        let (h0, h1, h2, h3) = (child!(0), child!(1), child!(2), child!(3));
        let (low, high) = (child!(LOW), child!(HIGH));

        let sum = kernel.add(low.0, low.1);
        let carry = kernel.carry(low.0, low.1, sum);
        let upper = kernel.add(high.0, high.1);
        let all = kernel.add(upper, carry);
        *carries = kernel.or(*carries, kernel.carry(high.0, high.1, upper));
        *carries = kernel.or(*carries, kernel.carry(upper, carry, all));
        kernel.store(sum, lanes_mut(block, NODES * LOW + first));
        kernel.store(all, lanes_mut(block, NODES * HIGH + first));

        // 0x01, hash and sum of the left, then of the right, all of which the first byte shifts, and the padding.
        let (low, high) = (
            (kernel.swap_bytes(low.0), kernel.swap_bytes(low.1)),
            (kernel.swap_bytes(high.0), kernel.swap_bytes(high.1)),
        );
        let content = [h0.0, h1.0, h2.0, h3.0, high.0, low.0, h0.1, h1.1, h2.1, h3.1, high.1, low.1];
        let mut before = kernel.splat(0x01 << 56);
        let mut message = [before; 13];
        for (word, content) in message.iter_mut().zip(content) {
            *word = kernel.or(kernel.up::<8>(content), kernel.down::<56>(before));
            before = content;
        }
        message[12] = kernel.or(kernel.splat(0x01 << 8), kernel.down::<56>(before));
        hash_into(kernel, &message, block, first);
    }
}

/// Whether any lane carried.
#[inline(always)]
fn any<const N: usize, K: Kernel<N>>(kernel: K, carries: K::Vector) -> bool {
    let mut words = [0; N];
    kernel.store(carries, &mut words);
    words.into_iter().any(|word| word > 0)
}

/// Whole units of leaves and the levels above them, from the lowest that is kept to the height of a unit.
struct Units<'a, 'l, W> {
    accounts: &'a [Account],
    weights: &'a [W],
    levels: &'l mut [&'a mut [Block]; UNIT_LEVELS],
}

impl<W: Copy + Into<u128>> Work for Units<'_, '_, W> {
    type Output = Found;

    #[inline(always)]
    fn run<const N: usize, K: Kernel<N>>(self, kernel: K) -> Found {
        let mut found = Found::default();
        let mut carries = kernel.splat(0);
        let accounts = self.accounts.as_chunks::<NODES>().0.as_chunks::<FAMILY>().0;
        let weights = self.weights.as_chunks::<NODES>().0.as_chunks::<FAMILY>().0;
        let mut blocks = UNIT / NODES / FAMILY;
        for unit in 0..self.accounts.len() / UNIT {
            for at in unit * blocks..(unit + 1) * blocks {
                // Laid out well before they are loaded as vectors, which do not wait for the words then.
                let mut preimages = [[[0; NODES]; 5]; FAMILY];
                for ((preimage, accounts), weights) in preimages.iter_mut().zip(&accounts[at]).zip(&weights[at]) {
                    found.zero_account |= lay_out(accounts, weights, preimage);
                }
                let mut family = [EMPTY; FAMILY];
                for (block, preimage) in family.iter_mut().zip(&preimages) {
                    leaf_block(kernel, preimage, block);
                }
                // Two levels that are not kept, each in the place of the one below, and the lowest that is.
                for parents in [FAMILY / 2, FAMILY / 4] {
                    for parent in 0..parents {
                        let mut block = EMPTY;
                        parent_block(kernel, [&family[2 * parent], &family[2 * parent + 1]], &mut block, &mut carries);
                        family[parent] = block;
                    }
                }
                parent_block(kernel, [&family[0], &family[1]], &mut self.levels[0][at], &mut carries);
            }
            for height in 1..UNIT_LEVELS {
                blocks /= 2;
                let (below, above) = self.levels.split_at_mut(height);
                let (children, parents) = (&below[height - 1], &mut above[0]);
                for at in unit * blocks..(unit + 1) * blocks {
                    let children = [&children[2 * at], &children[2 * at + 1]];
                    parent_block(kernel, children, &mut parents[at], &mut carries);
                }
            }
            blocks = UNIT / NODES / FAMILY;
        }
        found.overflow = any(kernel, carries);
        found
    }
}

/// Up to eight leaves.
struct Leaf8<'a, W> {
    accounts: &'a [Account],
    weights: &'a [W],
}

impl<W: Copy + Into<u128>> Work for Leaf8<'_, W> {
    type Output = (Block, Found);

    #[inline(always)]
    fn run<const N: usize, K: Kernel<N>>(self, kernel: K) -> Self::Output {
        let (mut accounts, mut weights) = ([[1; 20]; NODES], [0_u128; NODES]);
        for (lane, (account, &weight)) in self.accounts.iter().zip(self.weights).enumerate() {
            (accounts[lane], weights[lane]) = (*account, weight.into());
        }
        let (mut preimage, mut block) = ([[0; NODES]; 5], EMPTY);
        let zero_account = lay_out(&accounts, &weights, &mut preimage);
        leaf_block(kernel, &preimage, &mut block);
        (block, Found { zero_account, ..Found::default() })
    }
}

/// Fewer leaves than a unit.
struct Leaves<'a, W> {
    accounts: &'a [Account],
    weights: &'a [W],
}

impl<W: Copy + Into<u128>> Work for Leaves<'_, W> {
    type Output = (Vec<Block>, Found);

    #[inline(always)]
    fn run<const N: usize, K: Kernel<N>>(self, kernel: K) -> Self::Output {
        let mut found = Found::default();
        let blocks = self.accounts.chunks(NODES).zip(self.weights.chunks(NODES)).map(|(accounts, weights)| {
            let (block, here) = Leaf8 { accounts, weights }.run(kernel);
            found |= here;
            block
        });
        (blocks.collect(), found)
    }
}

/// R3: the level above `count` children, the last of which is promoted unchanged if it has no sibling.
struct Level<'a> {
    children: &'a [Block],
    count: usize,
    parents: &'a mut [Block],
}

impl Work for Level<'_> {
    type Output = Found;

    #[inline(always)]
    fn run<const N: usize, K: Kernel<N>>(self, kernel: K) -> Found {
        let mut carries = kernel.splat(0);
        for (at, parents) in self.parents.iter_mut().enumerate() {
            let children = [&self.children[2 * at], self.children.get(2 * at + 1).unwrap_or(&EMPTY)];
            parent_block(kernel, children, parents, &mut carries);
            // What stands behind the last pair was hashed with nobody.
            for lane in self.count.saturating_sub(2 * NODES * at) / 2..NODES {
                let left = 2 * (NODES * at + lane);
                let promoted = (left < self.count).then(|| children[left / NODES - 2 * at]);
                for word in (0..BLOCK_WORDS).step_by(NODES) {
                    parents[word + lane] = promoted.map_or(0, |child| child[word + left % NODES]);
                }
            }
        }
        Found { overflow: any(kernel, carries), ..Found::default() }
    }
}

/// Makes whole units of leaves with all their levels, on as many threads as are asked for.
pub(crate) fn build_units<W: Copy + Into<u128> + Sync>(
    accounts: &[Account],
    weights: &[W],
    levels: [&mut [Block]; UNIT_LEVELS],
    lanes: Lanes,
    threads: usize,
) -> Found {
    debug_assert_eq!(accounts.len() % UNIT, 0, "whole units");
    let units = accounts.len() / UNIT;
    if threads <= 1 || units <= 1 {
        let mut levels = levels;
        return lanes.run(Units { accounts, weights, levels: &mut levels });
    }
    let each = units.div_ceil(threads) * UNIT;
    std::thread::scope(|scope| {
        let mut rest = levels;
        let runs = accounts.chunks(each).zip(weights.chunks(each)).map(|(accounts, weights)| {
            let mut height = LOWEST;
            let levels = rest.each_mut().map(|level| {
                height += 1;
                level.split_off_mut(..(accounts.len() >> (height - 1)) / NODES).expect("every unit has its blocks")
            });
            scope.spawn(move || {
                let mut levels = levels;
                lanes.run(Units { accounts, weights, levels: &mut levels })
            })
        });
        let runs: Vec<_> = runs.collect();
        let mut found = Found::default();
        for run in runs {
            found |= run.join().expect("hashing does not panic");
        }
        found
    })
}

/// Makes all levels, when those of whole units are made; `leaves` are the blocks of the leaves behind the last whole unit.
pub(crate) fn build_rest(count: usize, leaves: Vec<Block>, all: &mut [Block], lanes: Lanes) -> Found {
    let mut found = Found::default();
    let whole = count / UNIT * UNIT;
    let mut family = leaves;
    for height in 1..LOWEST.min(levels(count) + 1) {
        let (level, at_this) = level(count, whole, height, &family, lanes);
        found |= at_this;
        family = level;
    }
    let mut below: &[Block] = &family;
    let mut rest = all;
    for height in LOWEST..=levels(count) {
        let (level, above) = rest.split_at_mut(blocks_at(count, height));
        // Up to the height of a unit the whole units are made already; above it nothing is.
        let made = if height <= UNIT_HEIGHT { whole } else { 0 };
        let from = (made >> height) / NODES;
        let children = if height == LOWEST { below } else { &below[2 * from..] };
        let count = nodes_at(count, height - 1) - (made >> (height - 1));
        found |= lanes.run(Level { children, count, parents: &mut level[from..] });
        (below, rest) = (level, above);
    }
    found
}

/// The level at `height` behind what is made above the first `made` of `count` leaves, from the `children` behind it.
pub(crate) fn level(count: usize, made: usize, height: usize, children: &[Block], lanes: Lanes) -> (Vec<Block>, Found) {
    let mut parents = vec![EMPTY; blocks_at(count, height) - (made >> height) / NODES];
    let count = nodes_at(count, height - 1) - (made >> (height - 1));
    let found = lanes.run(Level { children, count, parents: &mut parents });
    (parents, found)
}

/// A block of leaves, of which there may be fewer than eight, and the levels above it that are not kept.
pub(crate) fn family<W: Copy + Into<u128>>(accounts: &[Account], weights: &[W], lanes: Lanes) -> [Block; LOWEST] {
    let mut family = [EMPTY; LOWEST];
    (family[0], _) = lanes.run(Leaf8 { accounts, weights });
    for height in 1..LOWEST {
        let (below, above) = family.split_at_mut(height);
        let count = nodes_at(accounts.len(), height - 1);
        lanes.run(Level { children: &below[height - 1..], count, parents: &mut above[..1] });
    }
    family
}

/// Makes the nodes above the leaves `changed` again, one by one.
pub(crate) fn refresh(
    count: usize,
    mut changed: Vec<usize>,
    leaf: impl Fn(usize) -> Node,
    nodes: &mut [Block],
) -> Result<(), Error> {
    let mut rest = nodes;
    let mut below: &[Block] = &[];
    for height in LOWEST..=levels(count) {
        let (level, above) = rest.split_at_mut(blocks_at(count, height));
        for position in &mut changed {
            *position >>= if height == LOWEST { LOWEST } else { 1 };
        }
        changed.dedup();
        for &position in &changed {
            let fresh = if height == LOWEST {
                subtree(count, height, position, &leaf)?
            } else if 2 * position + 1 < nodes_at(count, height - 1) {
                Node::parent(&node(below, 2 * position), &node(below, 2 * position + 1))?
            } else {
                node(below, 2 * position)
            };
            set_node(level, position, &fresh);
        }
        (below, rest) = (level, above);
    }
    Ok(())
}

/// The node at `height` and `position`, from its leaves.
fn subtree(count: usize, height: usize, position: usize, leaf: &impl Fn(usize) -> Node) -> Result<Node, Error> {
    if height == 0 {
        return Ok(leaf(position));
    }
    let left = subtree(count, height - 1, 2 * position, leaf)?;
    if 2 * position + 1 == nodes_at(count, height - 1) {
        return Ok(left);
    }
    Node::parent(&left, &subtree(count, height - 1, 2 * position + 1, leaf)?)
}

/// The blocks of fewer leaves than a unit.
pub(crate) fn leaf_blocks<W: Copy + Into<u128>>(
    accounts: &[Account],
    weights: &[W],
    lanes: Lanes,
) -> (Vec<Block>, Found) {
    lanes.run(Leaves { accounts, weights })
}

/// The node of a leaf.
pub(crate) fn leaf_node(account: &Account, weight: u128) -> Node {
    Leaf { account: *account, weight }.node()
}
