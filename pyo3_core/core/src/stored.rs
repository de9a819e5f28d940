//! A register as a file: how it is laid out, and how it is built leaf by leaf without holding it in memory.
//!
//! A file has a header of 64 bytes ([`MAGIC`], then the number of leaves, little endian, then zeros), the weights, 64 bits
//! each, the nodes ([`node_words`] words), and the accounts, 20 bytes each; all words are little endian. Nothing in it
//! needs to be believed: the nodes follow from the leaves, and [`Tree::audit`](crate::Tree::audit) computes them again.

use std::ops::Range;

use crate::Error;
use crate::register::{Account, Plan, refuse_zero_account, require_length};
use crate::tree::{self, BLOCK_WORDS, Block, LOWEST, UNIT, UNIT_HEIGHT, UNIT_LEVELS, node_words};

/// How a file of a register begins.
pub const MAGIC: [u8; 16] = *b"gongsheng-reg\0\0\x02";

/// The length of the header.
pub const HEADER_BYTES: usize = 64;

/// How many leaves are hashed at a time while a register is streamed.
const SPAN: usize = 64 * UNIT;

/// Where the parts of a file are, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The number of leaves.
    pub count: usize,
    /// The weights.
    pub weights: Range<usize>,
    /// The nodes.
    pub nodes: Range<usize>,
    /// The accounts, up to the end of the file.
    pub accounts: Range<usize>,
}

impl Layout {
    /// The layout of a register of `count` leaves.
    ///
    /// # Errors
    /// [`Error::TotalIsZero`] of no leaves, [`Error::NoSuchLeaf`] of more than any memory could hold.
    pub fn new(count: u64) -> Result<Self, Error> {
        if count == 0 {
            return Err(Error::TotalIsZero);
        }
        let limit = 1 << 40;
        let count = usize::try_from(count).ok().filter(|_| count <= limit);
        let count = count.ok_or(Error::NoSuchLeaf { index: limit, count: limit })?;
        let weights = HEADER_BYTES..HEADER_BYTES + 8 * count;
        let nodes = weights.end..weights.end + 8 * node_words(count);
        let accounts = nodes.end..nodes.end + 20 * count;
        Ok(Self { count, weights, nodes, accounts })
    }

    /// Reads the header of a file.
    ///
    /// # Errors
    /// [`Error::NotARegister`], [`Error::LengthMismatch`] if the file has not the length that its header promises.
    pub fn read(file: &[u8]) -> Result<Self, Error> {
        let (Some(magic), Some(count)) =
            (file.first_chunk::<16>(), file.get(16..24).and_then(|count| count.first_chunk()))
        else {
            return Err(Error::NotARegister);
        };
        let reserved = file.get(24..HEADER_BYTES).ok_or(Error::NotARegister)?;
        if *magic != MAGIC || reserved.iter().any(|&byte| byte != 0) {
            return Err(Error::NotARegister);
        }
        let layout = Self::new(u64::from_le_bytes(*count))?;
        require_length("file", layout.accounts.end, file.len())?;
        Ok(layout)
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> [u8; HEADER_BYTES] {
        let mut header = [0; HEADER_BYTES];
        header[..16].copy_from_slice(&MAGIC);
        header[16..24].copy_from_slice(&(self.count as u64).to_le_bytes());
        header
    }
}

/// Builds the nodes of a register from leaves that come in batches. It holds a part of them, whose size does not depend on
/// the batches, and one node in 64.
#[derive(Debug)]
pub struct Stream {
    count: usize,
    plan: Plan,
    /// The leaves whose nodes are made; whole units.
    made: usize,
    accounts: Vec<Account>,
    weights: Vec<u64>,
    /// The blocks of the level from which on all nodes are kept.
    kept: Vec<Block>,
    total: u128,
}

impl Stream {
    /// A register that will have `count` leaves.
    ///
    /// # Errors
    /// As for [`Layout::new`].
    pub fn new(count: u64, plan: Plan) -> Result<Self, Error> {
        let count = Layout::new(count)?.count;
        let (accounts, weights, kept) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { count, plan, made: 0, accounts, weights, kept, total: 0 })
    }

    /// The number of leaves so far.
    #[must_use]
    pub fn length(&self) -> usize {
        self.made + self.accounts.len()
    }

    /// Takes the next leaves, and hands nodes that are ready to `write`, with the word at which they begin.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if there are more leaves than were announced or not as many weights as accounts,
    /// [`Error::ZeroAccount`]; what `write` answers.
    pub fn push<E: From<Error>>(
        &mut self,
        mut accounts: &[Account],
        mut weights: &[u64],
        write: &mut impl FnMut(usize, &[u64]) -> Result<(), E>,
    ) -> Result<(), E> {
        require_length("weights", accounts.len(), weights.len())?;
        if accounts.len() > self.count - self.length() {
            require_length("leaves", self.count, self.length() + accounts.len())?;
        }
        refuse_zero_account(accounts, self.length() as u64)?;
        self.total += crate::shares::sum(weights);
        while self.accounts.len() + accounts.len() >= SPAN {
            let fits = SPAN - self.accounts.len();
            self.accounts.extend_from_slice(&accounts[..fits]);
            self.weights.extend_from_slice(&weights[..fits]);
            (accounts, weights) = (&accounts[fits..], &weights[fits..]);
            self.make_units(write)?;
        }
        self.accounts.extend_from_slice(accounts);
        self.weights.extend_from_slice(weights);
        Ok(())
    }

    /// Makes what is left, and tells the sum of all weights.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if leaves are missing, [`Error::TotalIsZero`]; what `write` answers.
    pub fn finish<E: From<Error>>(mut self, write: &mut impl FnMut(usize, &[u64]) -> Result<(), E>) -> Result<u128, E> {
        require_length("leaves", self.count, self.length())?;
        if self.total == 0 {
            return Err(Error::TotalIsZero.into());
        }
        self.make_units(write)?;
        let (mut below, _) = tree::leaf_blocks(&self.accounts, &self.weights, self.plan.lanes);
        for height in 1..=tree::levels(self.count) {
            if height == UNIT_HEIGHT + 1 {
                below = std::mem::take(&mut self.kept);
            }
            let made = if height <= UNIT_HEIGHT { self.made } else { 0 };
            let (level, _) = tree::level(self.count, made, height, &below, self.plan.lanes);
            if height >= LOWEST && !level.is_empty() {
                write(self.word(height, made), level.as_flattened())?;
            }
            if height == UNIT_HEIGHT {
                self.kept.extend_from_slice(&level);
            }
            below = level;
        }
        Ok(self.total)
    }

    /// Makes the nodes of the whole units among the leaves that wait.
    fn make_units<E>(&mut self, write: &mut impl FnMut(usize, &[u64]) -> Result<(), E>) -> Result<(), E> {
        let ready = self.accounts.len() / UNIT * UNIT;
        if ready == 0 {
            return Ok(());
        }
        let mut levels: [Vec<Block>; UNIT_LEVELS] =
            std::array::from_fn(|kept| vec![[0; BLOCK_WORDS]; (ready >> (LOWEST + kept)) / 8]);
        let slices = levels.each_mut().map(Vec::as_mut_slice);
        let (accounts, weights) = (&self.accounts[..ready], &self.weights[..ready]);
        tree::build_units(accounts, weights, slices, self.plan.lanes, self.plan.threads);
        for (height, level) in (LOWEST..).zip(&levels) {
            write(self.word(height, self.made), level.as_flattened())?;
        }
        self.kept.extend_from_slice(&levels[UNIT_LEVELS - 1]);
        self.accounts.drain(..ready);
        self.weights.drain(..ready);
        self.made += ready;
        Ok(())
    }

    /// The word at which the nodes at `height` above leaf `made` begin.
    fn word(&self, height: usize, made: usize) -> usize {
        BLOCK_WORDS * (tree::blocks_below(self.count, height) + (made >> height) / 8)
    }
}
