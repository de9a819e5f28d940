//! Yardsticks in the same process as what they measure: bare permutations, and the native kernel without its binding.

#![allow(clippy::needless_pass_by_value, reason = "PyO3 hands arguments over by value")]

use std::time::Instant;

use gongsheng_core::keccak::{Kernel, Lanes, WORDS, Work};
use gongsheng_core::{Stage, shares};
use numpy::{PyReadonlyArray1, PyReadwriteArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// So many permutations, one batch after the other, and nothing else.
struct Bare(u64);

impl Work for Bare {
    type Output = u64;

    #[inline(always)]
    fn run<const N: usize, K: Kernel<N>>(self, kernel: K) -> u64 {
        let mut states = [kernel.splat(1); WORDS];
        for _ in 0..self.0.div_ceil(N as u64) {
            kernel.permute(&mut states);
        }
        let mut words = [0; N];
        kernel.store(states[0], &mut words);
        words[0]
    }
}

/// Permutes `count` states as fast as these lanes can, and returns a word of the last.
#[pyfunction]
fn permutations(py: Python<'_>, lanes: &str, count: u64) -> PyResult<u64> {
    let lanes = Lanes::named(lanes).ok_or_else(|| PyValueError::new_err("no such lanes"))?;
    Ok(py.detach(|| std::hint::black_box(lanes.run(Bare(count)))))
}

/// Shares an income as the binding does, and returns the nanoseconds that the kernel took.
#[pyfunction]
fn timed_shares(
    py: Python<'_>,
    income: u64,
    weights: PyReadonlyArray1<'_, u64>,
    total: u64,
    mut out: PyReadwriteArray1<'_, u64>,
) -> PyResult<u128> {
    let (weights, out) = (weights.as_slice()?, out.as_slice_mut()?);
    py.detach(|| {
        let begun = Instant::now();
        shares::share(income, weights, total.into(), Stage::Closed, 1, out)
            .map(|()| begun.elapsed().as_nanos())
            .map_err(|error| PyValueError::new_err(error.to_string()))
    })
}

/// Yardsticks for `make bench`.
#[pymodule]
fn yardsticks(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(permutations, module)?)?;
    module.add_function(wrap_pyfunction!(timed_shares, module)?)
}
