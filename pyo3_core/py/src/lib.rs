//! The Python face of `gongsheng-core`: it converts, detaches from the interpreter and maps the error; it decides nothing.
//! The manual is `python/pyo3_core/_core.pyi`.

#![allow(clippy::needless_pass_by_value, reason = "PyO3 hands arguments over by value")]

mod arguments;
mod arrow;
mod columns;
mod errors;
mod register;

use gongsheng_core::liens::{self, Lien};
use gongsheng_core::{self as rules, Error, Leaf, Slice, Stage};
use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;

use arguments::{Narrow, Weights, Wide};
use errors::raise;

fn stage(closed: bool) -> Stage {
    if closed { Stage::Closed } else { Stage::Open }
}

/// Bytes of a fixed length.
fn fixed<const N: usize>(what: &'static str, bytes: &[u8]) -> Result<[u8; N], Error> {
    let mismatch = Error::LengthMismatch { what, expected: N as u64, actual: bytes.len() as u64 };
    bytes.try_into().map_err(|_| mismatch)
}

#[pyfunction]
fn entitled_open(py: Python<'_>, income: Wide, weight: Wide, total: Wide) -> PyResult<u128> {
    let slice = Slice::new(0, weight.0, total.0).map_err(|error| raise(py, error))?;
    Ok(slice.entitled(income.0, Stage::Open))
}

#[pyfunction]
fn entitled_closed(py: Python<'_>, income: Wide, before: Wide, weight: Wide, total: Wide) -> PyResult<u128> {
    let slice = Slice::new(before.0, weight.0, total.0).map_err(|error| raise(py, error))?;
    Ok(slice.entitled(income.0, Stage::Closed))
}

#[pyfunction]
fn allocate<'py>(py: Python<'py>, amount: Narrow, weights: Weights<'py>) -> PyResult<Bound<'py, PyArray1<u64>>> {
    let weights = weights.as_slice()?;
    let allocated = py.detach(|| rules::allocate(amount.0, weights));
    Ok(allocated.map_err(|error| raise(py, error))?.into_pyarray(py))
}

#[pyfunction]
fn divert(py: Python<'_>, before: Wide, after: Wide, liens: Vec<(Narrow, Wide, Wide)>) -> PyResult<(Vec<u128>, u128)> {
    let lien = |(bps, due, arrears): (Narrow, Wide, Wide)| Lien { bps: bps.0, due: due.0, arrears: arrears.0 };
    let liens: Vec<Lien> = liens.into_iter().map(lien).collect();
    let diversion = liens::divert(before.0, after.0, &liens).map_err(|error| raise(py, error))?;
    Ok((diversion.taken, diversion.rest))
}

#[pyfunction]
fn verify(
    py: Python<'_>,
    root: &[u8],
    count: Narrow,
    index: Narrow,
    account: &[u8],
    weight: Wide,
    proof: &[u8],
) -> PyResult<(u128, u128)> {
    let slice = fixed("root", root).and_then(|root| {
        let leaf = Leaf { account: fixed("account", account)?, weight: weight.0 };
        rules::verify(&root, count.0, index.0, &leaf, proof)
    });
    let slice = slice.map_err(|error| raise(py, error))?;
    Ok((slice.before(), slice.total()))
}

/// The arithmetic of the Gongsheng Ledger in Rust.
#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    errors::add_to(module)?;
    module.add_class::<arrow::Column>()?;
    module.add_function(wrap_pyfunction!(entitled_open, module)?)?;
    module.add_function(wrap_pyfunction!(entitled_closed, module)?)?;
    module.add_function(wrap_pyfunction!(allocate, module)?)?;
    module.add_function(wrap_pyfunction!(divert, module)?)?;
    module.add_function(wrap_pyfunction!(verify, module)?)?;
    columns::add_to(module)?;
    register::add_to(module)
}
