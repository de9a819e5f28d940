//! Whole columns: shares, receipts, pledges, book lines.

use gongsheng_core::liens::{self, Pledges};
use gongsheng_core::settle::{self, Agreements};
use gongsheng_core::shares as rules;
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadwriteArray1};
use pyo3::prelude::*;

use crate::arguments::{Amounts, Names, Narrow, Ranks, Weights, Wide, empty};
use crate::errors::raise;
use crate::stage;

type Column<'py> = Bound<'py, PyArray1<u64>>;

#[pyfunction]
#[pyo3(signature = (income, weights, *, closed, total=None, before=None, threads=1, out=None))]
#[expect(clippy::too_many_arguments, reason = "optional, by name")]
fn shares<'py>(
    py: Python<'py>,
    income: Narrow,
    weights: Weights<'py>,
    closed: bool,
    total: Option<Wide>,
    before: Option<Wide>,
    threads: usize,
    out: Option<PyReadwriteArray1<'py, u64>>,
) -> PyResult<Column<'py>> {
    let mut out = match out {
        Some(out) => out,
        None => empty(py, weights.shape()[0])?.readwrite(),
    };
    let (weights, shares) = (weights.as_slice()?, out.as_slice_mut()?);
    let shared = py.detach(|| {
        let total = total.map_or_else(|| rules::sum(weights), |total| total.0);
        match before {
            Some(before) => rules::share_from(income.0, before.0, weights, total, stage(closed), shares),
            None => rules::share(income.0, weights, total, stage(closed), threads, shares),
        }
    });
    shared.map_err(|error| raise(py, error))?;
    Ok((**out).clone())
}

#[pyfunction]
#[pyo3(signature = (incomes, offsets, weights, *, closed))]
fn shares_ragged<'py>(
    py: Python<'py>,
    incomes: Weights<'py>,
    offsets: Weights<'py>,
    weights: Weights<'py>,
    closed: bool,
) -> PyResult<Column<'py>> {
    let shares = empty(py, weights.shape()[0])?;
    let mut out = shares.readwrite();
    let (incomes, offsets, weights) = (incomes.as_slice()?, offsets.as_slice()?, weights.as_slice()?);
    let out = out.as_slice_mut()?;
    let shared = py.detach(|| rules::share_ragged(incomes, offsets, weights, stage(closed), out));
    shared.map_err(|error| raise(py, error))?;
    Ok(shares)
}

#[pyfunction]
fn split_receipts<'py>(
    py: Python<'py>,
    amounts: Weights<'py>,
    agreement: Names<'py>,
    legs: Vec<Vec<u64>>,
) -> PyResult<Column<'py>> {
    let (amounts, agreement) = (amounts.as_slice()?, agreement.as_slice()?);
    let agreements = Agreements::new(&legs).map_err(|error| raise(py, error))?;
    let count = py.detach(|| agreements.legs_of(agreement)).map_err(|error| raise(py, error))?;
    let shares = empty(py, count)?;
    let mut out = shares.readwrite();
    let out = out.as_slice_mut()?;
    py.detach(|| agreements.split(amounts, agreement, out)).map_err(|error| raise(py, error))?;
    Ok(shares)
}

#[pyfunction]
fn waterfall<'py>(
    py: Python<'py>,
    available: Weights<'py>,
    offsets: Weights<'py>,
    rank: Ranks<'py>,
    due: Weights<'py>,
    cap: Weights<'py>,
) -> PyResult<(Column<'py>, Column<'py>)> {
    let (taken, rest) = (empty(py, rank.shape()[0])?, empty(py, available.shape()[0])?);
    let (mut taken_out, mut rest_out) = (taken.readwrite(), rest.readwrite());
    let available = available.as_slice()?;
    let pledges =
        Pledges { offsets: offsets.as_slice()?, rank: rank.as_slice()?, due: due.as_slice()?, cap: cap.as_slice()? };
    let (taken_out, rest_out) = (taken_out.as_slice_mut()?, rest_out.as_slice_mut()?);
    let served = py.detach(|| liens::waterfall(available, pledges, taken_out, rest_out));
    served.map_err(|error| raise(py, error))?;
    Ok((taken, rest))
}

#[pyfunction]
fn net<'py>(
    py: Python<'py>,
    account: Names<'py>,
    amounts: Amounts<'py>,
    accounts: usize,
) -> PyResult<Bound<'py, PyArray2<u64>>> {
    let nets = empty(py, 2 * accounts)?;
    {
        let mut out = nets.readwrite();
        let (account, amounts) = (account.as_slice()?, amounts.as_slice()?);
        let (low, high) = out.as_slice_mut()?.split_at_mut(accounts);
        let netted = py.detach(|| settle::net(account, amounts, low, high));
        netted.map_err(|error| raise(py, error))?;
    }
    nets.reshape([2, accounts])
}

pub fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(shares, module)?)?;
    module.add_function(wrap_pyfunction!(shares_ragged, module)?)?;
    module.add_function(wrap_pyfunction!(split_receipts, module)?)?;
    module.add_function(wrap_pyfunction!(waterfall, module)?)?;
    module.add_function(wrap_pyfunction!(net, module)?)
}
