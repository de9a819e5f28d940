//! Keccak-f[1600] over 8, 4 or 1 states at once: the only `unsafe` of this crate.
//!
//! What is unsafe here is of two kinds, and each is sound for one reason:
//! - **Using instructions that not every processor has.** Each use has a value of [`Avx512`] or [`Avx2`] in hand, and the
//!   only way to get one is [`Avx512::detect`] or [`Avx2::detect`], which ask the processor.
//! - **Loading and storing a vector.** The pointer comes from a reference to an array of exactly the vector's size, and
//!   the instructions used do not ask for alignment.
//!
//! The permutation itself is safe code, written once for every width. All of it is `inline(always)`, because only what is
//! inlined into [`Avx512::run`] or [`Avx2::run`] is compiled to their instructions.

#![allow(unsafe_code)]

use super::RATE_BYTES;

/// The number of rounds of the permutation.
const ROUNDS: usize = 24;

/// The constants of step iota: FIPS 202, algorithm 5.
const ROUND_CONSTANTS: [u64; ROUNDS] = [
    0x0000_0000_0000_0001,
    0x0000_0000_0000_8082,
    0x8000_0000_0000_808A,
    0x8000_0000_8000_8000,
    0x0000_0000_0000_808B,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8009,
    0x0000_0000_0000_008A,
    0x0000_0000_0000_0088,
    0x0000_0000_8000_8009,
    0x0000_0000_8000_000A,
    0x0000_0000_8000_808B,
    0x8000_0000_0000_008B,
    0x8000_0000_0000_8089,
    0x8000_0000_0000_8003,
    0x8000_0000_0000_8002,
    0x8000_0000_0000_0080,
    0x0000_0000_0000_800A,
    0x8000_0000_8000_000A,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8080,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8008,
];

/// The number of 64-bit words of a state.
pub const WORDS: usize = 25;

/// The last bit of the padding, at the end of the rate.
const LAST_PAD: u64 = 1 << 63;

/// The word of a state that has [`LAST_PAD`].
const LAST_PAD_WORD: usize = RATE_BYTES / 8 - 1;

/// Legs that are written at once, whether an agreement has as many or not.
pub const LEGS: usize = 4;

/// A way to work on `N` words at once, one of each of `N` states.
pub trait Kernel<const N: usize>: Copy {
    /// `N` words of 64 bits.
    type Vector: Copy;

    /// The same word in every lane.
    fn splat(self, word: u64) -> Self::Vector;
    /// One word for each lane.
    fn load(self, words: &[u64; N]) -> Self::Vector;
    /// The word of each lane.
    fn store(self, vector: Self::Vector, words: &mut [u64; N]);
    /// `a & b`.
    fn and(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a | b`.
    fn or(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `!a & b`.
    fn and_not(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a ^ b`.
    fn xor(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a + b` modulo 2^64.
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a << BITS`.
    fn up<const BITS: u32>(self, a: Self::Vector) -> Self::Vector;
    /// `a >> BITS`.
    fn down<const BITS: u32>(self, a: Self::Vector) -> Self::Vector;
    /// The eight bytes of every word in reverse.
    fn swap_bytes(self, a: Self::Vector) -> Self::Vector;
    /// The even and the odd ones of the `2 * N` words of `a` and `b`.
    fn unzip(self, a: Self::Vector, b: Self::Vector) -> (Self::Vector, Self::Vector);

    /// `a ^ b ^ c`.
    #[inline(always)]
    fn xor3(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
        self.xor(self.xor(a, b), c)
    }

    /// `a ^ (!b & c)`.
    #[inline(always)]
    fn chi(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
        self.xor(a, self.and_not(b, c))
    }

    /// `a` rotated up by `LEFT`, which is `64 - RIGHT`.
    #[inline(always)]
    fn rotate<const LEFT: u32, const RIGHT: u32>(self, a: Self::Vector) -> Self::Vector {
        self.or(self.up::<LEFT>(a), self.down::<RIGHT>(a))
    }

    /// One where `a + b`, which is `sum` modulo 2^64, is larger than a word, zero elsewhere.
    #[inline(always)]
    fn carry(self, a: Self::Vector, b: Self::Vector, sum: Self::Vector) -> Self::Vector {
        self.down::<63>(self.or(self.and(a, b), self.and_not(sum, self.or(a, b))))
    }

    /// Writes what lies between the ends of neighbouring legs. An end is `amount * (high * 2^32 + low) / 2^BITS`, rounded
    /// down; `high` is below `2^(BITS - 31)`, and `low` has 32 bits.
    #[inline(always)]
    fn split<const BITS: u32>(self, amount: u32, high: &[u64; LEGS], low: &[u64; LEGS], legs: &mut [u64; LEGS]) {
        let mut before = 0;
        for (leg, (high, low)) in legs.iter_mut().zip(high.iter().zip(low)) {
            let end = (u64::from(amount) * high + ((u64::from(amount) * low) >> 32)) >> (BITS - 32);
            *leg = end.wrapping_sub(before);
            before = end;
        }
    }

    /// The permutation keccak-f[1600] of every state.
    fn permute(self, states: &mut [Self::Vector; WORDS]);

    /// The first four words, all that a hash is, after the permutation of states that begin with `message` and have the
    /// last bit of the padding; the rest is zero.
    fn hash<const M: usize>(self, message: &[Self::Vector; M]) -> [Self::Vector; 4];

    /// All rounds of [`Kernel::permute`], with their constants.
    #[inline(always)]
    fn rounds(self, states: &mut [Self::Vector; WORDS], constants: &[u64; ROUNDS]) {
        let mut state = *states;
        // Two at a time: what the compiler moves between registers at the end of a round it moves half as often.
        for &[one, other] in constants.as_chunks::<2>().0 {
            state = self.round(self.round(state, one), other);
        }
        *states = state;
    }

    /// All rounds of [`Kernel::hash`], with their constants. The first and the last stand apart, so that nothing is done for words that are
    /// zero or that nobody asks for.
    #[inline(always)]
    fn hash_rounds<const M: usize>(self, message: &[Self::Vector; M], constants: &[u64; ROUNDS]) -> [Self::Vector; 4] {
        let mut state = [self.splat(0); WORDS];
        state[..M].copy_from_slice(message);
        state[LAST_PAD_WORD] = self.splat(LAST_PAD);
        let [first, rounds @ .., last] = constants;
        state = self.round(state, *first);
        for &[one, other] in rounds.as_chunks::<2>().0 {
            state = self.round(self.round(state, one), other);
        }
        state = self.round(state, *last);
        [state[0], state[1], state[2], state[3]]
    }

    /// One round with its constant: FIPS 202, section 3. Every word has a name of its own, because the compiler keeps
    /// those in registers, and does not keep all of an array.
    #[inline(always)]
    #[allow(clippy::many_single_char_names)]
    fn round(self, a: [Self::Vector; WORDS], constant: u64) -> [Self::Vector; WORDS] {
        // Theta: the parity of each column; each word takes those of the columns beside its own.
        let c0 = self.xor3(self.xor3(a[0], a[5], a[10]), a[15], a[20]);
        let c1 = self.xor3(self.xor3(a[1], a[6], a[11]), a[16], a[21]);
        let c2 = self.xor3(self.xor3(a[2], a[7], a[12]), a[17], a[22]);
        let c3 = self.xor3(self.xor3(a[3], a[8], a[13]), a[18], a[23]);
        let c4 = self.xor3(self.xor3(a[4], a[9], a[14]), a[19], a[24]);
        let r0 = self.rotate::<1, 63>(c0);
        let r1 = self.rotate::<1, 63>(c1);
        let r2 = self.rotate::<1, 63>(c2);
        let r3 = self.rotate::<1, 63>(c3);
        let r4 = self.rotate::<1, 63>(c4);
        // Theta's other half, rho and pi: each word moves from (x, y) to (y, 2x + 3y).
        let b0 = self.xor3(a[0], c4, r1);
        let b1 = self.rotate::<44, 20>(self.xor3(a[6], c0, r2));
        let b2 = self.rotate::<43, 21>(self.xor3(a[12], c1, r3));
        let b3 = self.rotate::<21, 43>(self.xor3(a[18], c2, r4));
        let b4 = self.rotate::<14, 50>(self.xor3(a[24], c3, r0));
        let b5 = self.rotate::<28, 36>(self.xor3(a[3], c2, r4));
        let b6 = self.rotate::<20, 44>(self.xor3(a[9], c3, r0));
        let b7 = self.rotate::<3, 61>(self.xor3(a[10], c4, r1));
        let b8 = self.rotate::<45, 19>(self.xor3(a[16], c0, r2));
        let b9 = self.rotate::<61, 3>(self.xor3(a[22], c1, r3));
        let b10 = self.rotate::<1, 63>(self.xor3(a[1], c0, r2));
        let b11 = self.rotate::<6, 58>(self.xor3(a[7], c1, r3));
        let b12 = self.rotate::<25, 39>(self.xor3(a[13], c2, r4));
        let b13 = self.rotate::<8, 56>(self.xor3(a[19], c3, r0));
        let b14 = self.rotate::<18, 46>(self.xor3(a[20], c4, r1));
        let b15 = self.rotate::<27, 37>(self.xor3(a[4], c3, r0));
        let b16 = self.rotate::<36, 28>(self.xor3(a[5], c4, r1));
        let b17 = self.rotate::<10, 54>(self.xor3(a[11], c0, r2));
        let b18 = self.rotate::<15, 49>(self.xor3(a[17], c1, r3));
        let b19 = self.rotate::<56, 8>(self.xor3(a[23], c2, r4));
        let b20 = self.rotate::<62, 2>(self.xor3(a[2], c1, r3));
        let b21 = self.rotate::<55, 9>(self.xor3(a[8], c2, r4));
        let b22 = self.rotate::<39, 25>(self.xor3(a[14], c3, r0));
        let b23 = self.rotate::<41, 23>(self.xor3(a[15], c4, r1));
        let b24 = self.rotate::<2, 62>(self.xor3(a[21], c0, r2));
        // Chi, row by row, and iota in the first word.
        [
            self.xor(self.chi(b0, b1, b2), self.splat(constant)),
            self.chi(b1, b2, b3),
            self.chi(b2, b3, b4),
            self.chi(b3, b4, b0),
            self.chi(b4, b0, b1),
            self.chi(b5, b6, b7),
            self.chi(b6, b7, b8),
            self.chi(b7, b8, b9),
            self.chi(b8, b9, b5),
            self.chi(b9, b5, b6),
            self.chi(b10, b11, b12),
            self.chi(b11, b12, b13),
            self.chi(b12, b13, b14),
            self.chi(b13, b14, b10),
            self.chi(b14, b10, b11),
            self.chi(b15, b16, b17),
            self.chi(b16, b17, b18),
            self.chi(b17, b18, b19),
            self.chi(b18, b19, b15),
            self.chi(b19, b15, b16),
            self.chi(b20, b21, b22),
            self.chi(b21, b22, b23),
            self.chi(b22, b23, b24),
            self.chi(b23, b24, b20),
            self.chi(b24, b20, b21),
        ]
    }
}

/// A loop over batches of states, written once for every kernel. Mark `run` and what it calls as `#[inline(always)]`.
pub trait Work {
    /// What comes out of it.
    type Output;

    /// Does the work with a kernel of `N` lanes.
    fn run<const N: usize, K: Kernel<N>>(self, kernel: K) -> Self::Output;
}

/// One state at a time, on any processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scalar;

impl Kernel<1> for Scalar {
    type Vector = u64;

    #[inline(never)]
    fn permute(self, states: &mut [u64; WORDS]) {
        self.rounds(states, &ROUND_CONSTANTS);
    }
    #[inline(never)]
    fn hash<const M: usize>(self, message: &[u64; M]) -> [u64; 4] {
        self.hash_rounds(message, &ROUND_CONSTANTS)
    }
    #[inline(always)]
    fn splat(self, word: u64) -> u64 {
        word
    }
    #[inline(always)]
    fn load(self, words: &[u64; 1]) -> u64 {
        words[0]
    }
    #[inline(always)]
    fn store(self, vector: u64, words: &mut [u64; 1]) {
        *words = [vector];
    }
    #[inline(always)]
    fn and(self, a: u64, b: u64) -> u64 {
        a & b
    }
    #[inline(always)]
    fn or(self, a: u64, b: u64) -> u64 {
        a | b
    }
    #[inline(always)]
    fn and_not(self, a: u64, b: u64) -> u64 {
        !a & b
    }
    #[inline(always)]
    fn xor(self, a: u64, b: u64) -> u64 {
        a ^ b
    }
    #[inline(always)]
    fn add(self, a: u64, b: u64) -> u64 {
        a.wrapping_add(b)
    }
    #[inline(always)]
    fn up<const BITS: u32>(self, a: u64) -> u64 {
        a << BITS
    }
    #[inline(always)]
    fn down<const BITS: u32>(self, a: u64) -> u64 {
        a >> BITS
    }
    #[inline(always)]
    fn swap_bytes(self, a: u64) -> u64 {
        a.swap_bytes()
    }
    #[inline(always)]
    fn unzip(self, a: u64, b: u64) -> (u64, u64) {
        (a, b)
    }
}

#[cfg(target_arch = "x86_64")]
pub use x86_64::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    #[allow(clippy::wildcard_imports, reason = "three dozen instructions")]
    use std::arch::x86_64::*;

    use super::{Kernel, LEGS, ROUND_CONSTANTS, ROUNDS, WORDS, Work};

    /// Proof that the processor has AVX-512 F, BW, DQ and VL: eight states at once.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Avx512(());

    /// Proof that the processor has AVX2: four states at once.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Avx2(());

    impl Avx512 {
        /// Asks the processor.
        #[must_use]
        pub fn detect() -> Option<Self> {
            let found = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("bmi2");
            found.then_some(Self(()))
        }

        /// Does `work` where the compiler may use these instructions for all of it.
        pub fn run<W: Work>(self, work: W) -> W::Output {
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi2")]
            fn run<W: Work>(kernel: Avx512, work: W) -> W::Output {
                work.run(kernel)
            }
            // SAFETY: `self` is proof of the instructions.
            unsafe { run(self, work) }
        }
    }

    impl Avx2 {
        /// Asks the processor.
        #[must_use]
        pub fn detect() -> Option<Self> {
            (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi2")).then_some(Self(()))
        }

        /// Does `work` where the compiler may use these instructions for all of it.
        pub fn run<W: Work>(self, work: W) -> W::Output {
            #[target_feature(enable = "avx2,bmi2")]
            fn run<W: Work>(kernel: Avx2, work: W) -> W::Output {
                work.run(kernel)
            }
            // SAFETY: `self` is proof of the instructions.
            unsafe { run(self, work) }
        }
    }

    /// What stands where a line of the cache begins.
    #[repr(align(64))]
    struct Aligned<T>(T);

    /// The constants of the rounds on the stack, which they align: the compiler does not do it for the vectors that it
    /// keeps there, and those across the end of a line, or of a page, take half as long again.
    #[inline(always)]
    fn constants_beside_spills() -> Aligned<[u64; ROUNDS]> {
        std::hint::black_box(Aligned(ROUND_CONSTANTS))
    }

    /// Writes operations of a kernel that are one expression of instructions each.
    macro_rules! operations {
        ($($name:ident $(<$($bits:ident),+>)? ($($a:ident),+) -> $result:ty = $instructions:expr;)+) => {
            $(
                #[inline(always)]
                fn $name $(<$(const $bits: u32),+>)? (self, $($a: Self::Vector),+) -> $result {
                    // SAFETY: `self` is proof of the instructions.
                    unsafe { $instructions }
                }
            )+
        };
    }

    impl Kernel<8> for Avx512 {
        type Vector = __m512i;

        #[inline(always)]
        fn permute(self, states: &mut [__m512i; WORDS]) {
            #[inline(never)]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi2")]
            fn permute(kernel: Avx512, states: &mut [__m512i; WORDS]) {
                kernel.rounds(states, &constants_beside_spills().0);
            }
            // SAFETY: `self` is proof of the instructions.
            unsafe { permute(self, states) }
        }
        #[inline(always)]
        fn hash<const M: usize>(self, message: &[__m512i; M]) -> [__m512i; 4] {
            #[inline(never)]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi2")]
            fn hash<const M: usize>(kernel: Avx512, message: &[__m512i; M]) -> [__m512i; 4] {
                kernel.hash_rounds(message, &constants_beside_spills().0)
            }
            // SAFETY: `self` is proof of the instructions.
            unsafe { hash(self, message) }
        }
        #[inline(always)]
        fn split<const BITS: u32>(self, amount: u32, high: &[u64; LEGS], low: &[u64; LEGS], legs: &mut [u64; LEGS]) {
            // Four words are a vector of AVX2, which is part of AVX-512.
            Avx2(()).split::<BITS>(amount, high, low, legs);
        }
        #[inline(always)]
        fn splat(self, word: u64) -> __m512i {
            // SAFETY: `self` is proof of the instructions.
            unsafe { _mm512_set1_epi64(word.cast_signed()) }
        }
        #[inline(always)]
        fn load(self, words: &[u64; 8]) -> __m512i {
            // SAFETY: `self` is proof of the instructions; the pointer is to 64 readable bytes.
            unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
        }
        #[inline(always)]
        fn store(self, vector: __m512i, words: &mut [u64; 8]) {
            // SAFETY: `self` is proof of the instructions; the pointer is to 64 writable bytes.
            unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), vector) }
        }
        // The tables of the ternary instruction have a bit for each `4a + 2b + c`. The count of a shift in a register is
        // constant here, which becomes the instruction with an immediate count.
        operations! {
            and(a, b) -> __m512i = _mm512_and_si512(a, b);
            or(a, b) -> __m512i = _mm512_or_si512(a, b);
            and_not(a, b) -> __m512i = _mm512_andnot_si512(a, b);
            xor(a, b) -> __m512i = _mm512_xor_si512(a, b);
            add(a, b) -> __m512i = _mm512_add_epi64(a, b);
            up<BITS>(a) -> __m512i = _mm512_slli_epi64::<BITS>(a);
            down<BITS>(a) -> __m512i = _mm512_srli_epi64::<BITS>(a);
            xor3(a, b, c) -> __m512i = _mm512_ternarylogic_epi64::<0b1001_0110>(a, b, c);
            chi(a, b, c) -> __m512i = _mm512_ternarylogic_epi64::<0b1101_0010>(a, b, c);
            rotate<LEFT, RIGHT>(a) -> __m512i = _mm512_rolv_epi64(a, _mm512_set1_epi64(i64::from(LEFT)));
            swap_bytes(a) -> __m512i =
                _mm512_shuffle_epi8(a, _mm512_set4_epi32(0x0809_0A0B, 0x0C0D_0E0F, 0x0001_0203, 0x0405_0607));
            unzip(a, b) -> (__m512i, __m512i) = (
                _mm512_permutex2var_epi64(a, _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0), b),
                _mm512_permutex2var_epi64(a, _mm512_set_epi64(15, 13, 11, 9, 7, 5, 3, 1), b),
            );
        }
    }

    impl Kernel<4> for Avx2 {
        type Vector = __m256i;

        #[inline(always)]
        fn permute(self, states: &mut [__m256i; WORDS]) {
            #[inline(never)]
            #[target_feature(enable = "avx2,bmi2")]
            fn permute(kernel: Avx2, states: &mut [__m256i; WORDS]) {
                kernel.rounds(states, &constants_beside_spills().0);
            }
            // SAFETY: `self` is proof of the instructions.
            unsafe { permute(self, states) }
        }
        #[inline(always)]
        fn hash<const M: usize>(self, message: &[__m256i; M]) -> [__m256i; 4] {
            #[inline(never)]
            #[target_feature(enable = "avx2,bmi2")]
            fn hash<const M: usize>(kernel: Avx2, message: &[__m256i; M]) -> [__m256i; 4] {
                kernel.hash_rounds(message, &constants_beside_spills().0)
            }
            // SAFETY: `self` is proof of the instructions.
            unsafe { hash(self, message) }
        }
        #[inline(always)]
        fn split<const BITS: u32>(self, amount: u32, high: &[u64; LEGS], low: &[u64; LEGS], legs: &mut [u64; LEGS]) {
            let (high, low) = (self.load(high), self.load(low));
            // SAFETY: `self` is proof of the instructions.
            let between = unsafe {
                let amount = _mm256_set1_epi64x(i64::from(amount));
                let ends = _mm256_add_epi64(
                    _mm256_mul_epu32(amount, high),
                    _mm256_srli_epi64::<32>(_mm256_mul_epu32(amount, low)),
                );
                let ends = _mm256_srl_epi64(ends, _mm_cvtsi64_si128(i64::from(BITS - 32)));
                let before = _mm256_permute4x64_epi64::<0b10_01_00_00>(ends);
                _mm256_sub_epi64(ends, _mm256_blend_epi32::<0b11>(before, _mm256_setzero_si256()))
            };
            self.store(between, legs);
        }
        #[inline(always)]
        fn splat(self, word: u64) -> __m256i {
            // SAFETY: `self` is proof of the instructions.
            unsafe { _mm256_set1_epi64x(word.cast_signed()) }
        }
        #[inline(always)]
        fn load(self, words: &[u64; 4]) -> __m256i {
            // SAFETY: `self` is proof of the instructions; the pointer is to 32 readable bytes.
            unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
        }
        #[inline(always)]
        fn store(self, vector: __m256i, words: &mut [u64; 4]) {
            // SAFETY: `self` is proof of the instructions; the pointer is to 32 writable bytes.
            unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), vector) }
        }
        operations! {
            and(a, b) -> __m256i = _mm256_and_si256(a, b);
            or(a, b) -> __m256i = _mm256_or_si256(a, b);
            and_not(a, b) -> __m256i = _mm256_andnot_si256(a, b);
            xor(a, b) -> __m256i = _mm256_xor_si256(a, b);
            add(a, b) -> __m256i = _mm256_add_epi64(a, b);
            up<BITS>(a) -> __m256i = _mm256_sll_epi64(a, _mm_cvtsi64_si128(i64::from(BITS)));
            down<BITS>(a) -> __m256i = _mm256_srl_epi64(a, _mm_cvtsi64_si128(i64::from(BITS)));
            swap_bytes(a) -> __m256i = _mm256_shuffle_epi8(
                a,
                _mm256_set_epi64x(0x0809_0A0B_0C0D_0E0F, 0x0001_0203_0405_0607, 0x0809_0A0B_0C0D_0E0F, 0x0001_0203_0405_0607),
            );
            unzip(a, b) -> (__m256i, __m256i) = (
                _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_unpacklo_epi64(a, b)),
                _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_unpackhi_epi64(a, b)),
            );
        }
    }
}
