//! The hash of Ethereum, one message at a time or many side by side.

mod lanes;

use std::fmt;

#[cfg(target_arch = "x86_64")]
pub use lanes::{Avx2, Avx512};
pub use lanes::{Kernel, LEGS, Scalar, WORDS, Work};

/// How many bytes of a message go into one permutation.
const RATE_BYTES: usize = 136;

/// Hashes `data` with Keccak-256, as Solidity's `keccak256` does.
#[must_use]
#[inline]
pub fn keccak256(data: &[u8]) -> [u8; 32] {
    let mut state = [0; WORDS];
    let (blocks, rest) = data.as_chunks::<RATE_BYTES>();
    for block in blocks {
        absorb(&mut state, block);
    }
    let mut last = [0; RATE_BYTES];
    last[..rest.len()].copy_from_slice(rest);
    last[rest.len()] = 0x01;
    last[RATE_BYTES - 1] |= 0x80;
    absorb(&mut state, &last);
    hash_of([state[0], state[1], state[2], state[3]])
}

/// Takes one block into the sponge.
fn absorb(state: &mut [u64; WORDS], block: &[u8; RATE_BYTES]) {
    for (word, bytes) in state.iter_mut().zip(block.as_chunks().0) {
        *word ^= u64::from_le_bytes(*bytes);
    }
    Scalar.permute(state);
}

/// The bytes of a hash.
#[inline]
pub(crate) fn hash_of(words: [u64; 4]) -> [u8; 32] {
    let mut hash = [0; 32];
    for (bytes, word) in hash.as_chunks_mut().0.iter_mut().zip(words) {
        *bytes = word.to_le_bytes();
    }
    hash
}

/// The words of a hash.
#[inline]
pub(crate) fn words_of(hash: &[u8; 32]) -> [u64; 4] {
    let (words, _) = hash.as_chunks::<8>();
    [0, 1, 2, 3].map(|word| u64::from_le_bytes(words[word]))
}

/// A way to hash several messages at once. The result never depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lanes {
    /// One at a time, on any processor.
    Scalar,
    /// Four with AVX2.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    /// Eight with AVX-512.
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

impl Lanes {
    /// All ways of this processor, from one lane up.
    #[must_use]
    pub fn available() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        let wide = [Avx2::detect().map(Self::Avx2), Avx512::detect().map(Self::Avx512)];
        #[cfg(not(target_arch = "x86_64"))]
        let wide: [Option<Self>; 0] = [];
        std::iter::once(Self::Scalar).chain(wide.into_iter().flatten()).collect()
    }

    /// The widest way of this processor.
    #[must_use]
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(kernel) = Avx512::detect() {
            return Self::Avx512(kernel);
        } else if let Some(kernel) = Avx2::detect() {
            return Self::Avx2(kernel);
        }
        Self::Scalar
    }

    /// The way with this name, if the processor has it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::available().into_iter().find(|lanes| lanes.name() == name)
    }

    /// Its name: `scalar`, `avx2` or `avx512`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => "avx512",
        }
    }

    /// How many messages it hashes at once.
    #[must_use]
    pub fn count(self) -> usize {
        match self {
            Self::Scalar => 1,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => 4,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => 8,
        }
    }

    /// Does `work` with the kernel of these lanes.
    pub fn run<W: Work>(self, work: W) -> W::Output {
        match self {
            Self::Scalar => work.run(Scalar),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(kernel) => kernel.run(work),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(kernel) => kernel.run(work),
        }
    }
}

impl fmt::Display for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Permutes every lane of states that differ, and gives all states back.
    struct Permuted<'a>(&'a [[u64; WORDS]; 8]);

    impl Work for Permuted<'_> {
        type Output = [[u64; WORDS]; 8];

        #[inline(always)]
        fn run<const N: usize, K: Kernel<N>>(self, kernel: K) -> Self::Output {
            let mut permuted = [[0; WORDS]; 8];
            for first in (0..8).step_by(N) {
                let mut states = [kernel.splat(0); WORDS];
                for (word, vector) in states.iter_mut().enumerate() {
                    *vector = kernel.load(&std::array::from_fn(|lane| self.0[first + lane][word]));
                }
                kernel.permute(&mut states);
                for (word, &vector) in states.iter().enumerate() {
                    let mut words = [0; N];
                    kernel.store(vector, &mut words);
                    for (lane, value) in words.into_iter().enumerate() {
                        permuted[first + lane][word] = value;
                    }
                }
            }
            permuted
        }
    }

    /// The first four words after the permutation of states with a message of thirteen words.
    struct Hashed<'a>(&'a [[u64; 13]; 8]);

    impl Work for Hashed<'_> {
        type Output = [[u64; 4]; 8];

        #[inline(always)]
        fn run<const N: usize, K: Kernel<N>>(self, kernel: K) -> Self::Output {
            let mut hashes = [[0; 4]; 8];
            for first in (0..8).step_by(N) {
                let mut message = [kernel.splat(0); 13];
                for (word, vector) in message.iter_mut().enumerate() {
                    *vector = kernel.load(&std::array::from_fn(|lane| self.0[first + lane][word]));
                }
                for (word, vector) in kernel.hash(&message).into_iter().enumerate() {
                    let mut words = [0; N];
                    kernel.store(vector, &mut words);
                    for (lane, value) in words.into_iter().enumerate() {
                        hashes[first + lane][word] = value;
                    }
                }
            }
            hashes
        }
    }

    /// Words that differ everywhere.
    fn words<const M: usize>() -> [[u64; M]; 8] {
        let mut word = 1_u64;
        std::array::from_fn(|_| {
            std::array::from_fn(|_| {
                word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                word ^ word >> 29
            })
        })
    }

    #[test]
    fn every_lane_permutes_the_zero_state_as_published() {
        // The first row of the state after keccak-f[1600] of zeros, from the reference code package.
        let published = [0xF125_8F79_40E1_DDE7, 0x84D5_CCF9_33C0_478A, 0xD598_261E_A65A_A9EE, 0xBD15_4730_6F80_494D];
        for lanes in Lanes::available() {
            for state in lanes.run(Permuted(&[[0; WORDS]; 8])) {
                assert_eq!(state[..4], published, "{lanes}");
            }
        }
    }

    #[test]
    fn all_lanes_agree_with_one_another() {
        let (states, messages) = (words(), words());
        let (permuted, hashed) = (Lanes::Scalar.run(Permuted(&states)), Lanes::Scalar.run(Hashed(&messages)));
        for lanes in Lanes::available() {
            assert_eq!(lanes.run(Permuted(&states)), permuted, "{lanes}");
            assert_eq!(lanes.run(Hashed(&messages)), hashed, "{lanes}");
        }
        for (message, hash) in messages.iter().zip(hashed) {
            let mut state = [0; WORDS];
            state[..13].copy_from_slice(message);
            state[16] = 1 << 63;
            Scalar.permute(&mut state);
            assert_eq!(state[..4], hash);
        }
    }

    #[test]
    fn hashes_of_every_length_are_those_of_another_implementation() {
        use sha3::Digest;
        let data: Vec<u8> = (0..=255).cycle().take(600).collect();
        for length in (0..data.len()).step_by(if cfg!(miri) { 137 } else { 1 }) {
            let other: [u8; 32] = sha3::Keccak256::digest(&data[..length]).into();
            assert_eq!(keccak256(&data[..length]), other, "{length} bytes");
        }
    }

    #[test]
    fn lanes_are_found_by_their_name() {
        for lanes in Lanes::available() {
            assert_eq!(Lanes::named(&lanes.to_string()), Some(lanes));
            assert!(lanes.count() <= Lanes::best().count());
        }
        assert_eq!(Lanes::named("abacus"), None);
    }
}
