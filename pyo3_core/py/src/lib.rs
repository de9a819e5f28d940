//! The Python face of `gongsheng-core`: it converts, detaches from the interpreter and maps the error; it decides nothing.
//! The manual is `python/pyo3_core/_core.pyi`.

#![allow(clippy::needless_pass_by_value, reason = "PyO3 hands arguments over by value")]

mod arguments;
mod errors;

use gongsheng_core::liens::{self, Lien};
use gongsheng_core::{self as rules, Error, Leaf, Slice, Stage};
use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use arguments::{Accounts, Narrow, Weights, Wide};
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
#[pyo3(signature = (income, weights, *, closed))]
fn shares<'py>(
    py: Python<'py>,
    income: Narrow,
    weights: Weights<'py>,
    closed: bool,
) -> PyResult<Bound<'py, PyArray1<u64>>> {
    let weights = weights.as_slice()?;
    let shares = py.detach(|| rules::shares(income.0, weights, stage(closed)));
    Ok(shares.map_err(|error| raise(py, error))?.into_pyarray(py))
}

#[pyfunction]
fn allocate<'py>(py: Python<'py>, amount: Narrow, weights: Weights<'py>) -> PyResult<Bound<'py, PyArray1<u64>>> {
    let weights = weights.as_slice()?;
    let allocated = py.detach(|| rules::allocate(amount.0, weights));
    Ok(allocated.map_err(|error| raise(py, error))?.into_pyarray(py))
}

#[pyfunction]
fn divert(py: Python<'_>, before: Wide, after: Wide, liens: Vec<(Narrow, Wide)>) -> PyResult<(Vec<u128>, u128)> {
    let liens: Vec<Lien> = liens.into_iter().map(|(bps, due)| Lien { bps: bps.0, due: due.0 }).collect();
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

#[pyclass(frozen, module = "pyo3_core")]
struct Register(rules::Register);

#[pymethods]
impl Register {
    #[new]
    fn new(py: Python<'_>, accounts: Accounts<'_>, weights: Weights<'_>) -> PyResult<Self> {
        let width = accounts.shape()[1] as u64;
        let (accounts, weights) = (accounts.as_slice()?, weights.as_slice()?);
        let register = if width == 20 {
            py.detach(|| rules::Register::new(accounts.as_chunks().0, weights))
        } else {
            Err(Error::LengthMismatch { what: "account", expected: 20, actual: width })
        };
        Ok(Self(register.map_err(|error| raise(py, error))?))
    }

    #[getter]
    fn root<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.root())
    }

    #[getter]
    fn total(&self) -> u128 {
        self.0.total()
    }

    #[getter]
    fn count(&self) -> u64 {
        self.0.count()
    }

    fn __len__(&self) -> PyResult<usize> {
        Ok(usize::try_from(self.0.count())?)
    }

    fn leaf<'py>(&self, py: Python<'py>, index: Narrow) -> PyResult<(Bound<'py, PyBytes>, u128)> {
        let leaf = self.0.leaf(index.0).map_err(|error| raise(py, error))?;
        Ok((PyBytes::new(py, &leaf.account), leaf.weight))
    }

    fn before(&self, py: Python<'_>, index: Narrow) -> PyResult<u128> {
        self.0.before(index.0).map_err(|error| raise(py, error))
    }

    fn proof<'py>(&self, py: Python<'py>, index: Narrow) -> PyResult<Bound<'py, PyBytes>> {
        let proof = self.0.proof(index.0).map_err(|error| raise(py, error))?;
        Ok(PyBytes::new(py, &proof))
    }

    #[pyo3(signature = (leg_income, *, closed))]
    fn statements<'py>(&self, py: Python<'py>, leg_income: Narrow, closed: bool) -> Bound<'py, PyArray1<u64>> {
        py.detach(|| self.0.statements(leg_income.0, stage(closed))).into_pyarray(py)
    }
}

/// The arithmetic of the Gongsheng Ledger in Rust.
#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    errors::add_to(module)?;
    module.add_function(wrap_pyfunction!(entitled_open, module)?)?;
    module.add_function(wrap_pyfunction!(entitled_closed, module)?)?;
    module.add_function(wrap_pyfunction!(shares, module)?)?;
    module.add_function(wrap_pyfunction!(allocate, module)?)?;
    module.add_function(wrap_pyfunction!(divert, module)?)?;
    module.add_function(wrap_pyfunction!(verify, module)?)?;
    module.add_class::<Register>()
}
