//! Whole columns: shares, receipts, pledges, book lines.

use gongsheng_core::liens::{self, Pledges};
use gongsheng_core::settle::{self, Agreements};
use gongsheng_core::shares as rules;
use gongsheng_core::{Error, Stage};
use numpy::ndarray::Ix1;
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadwriteArray1, PyReadwriteArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::arguments::{
    Amounts, Chunks, Names, Narrow, Ranks, Values, Weights, Wide, empty, output, require_apart, span,
};
use crate::errors::raise;
use crate::stage;

type Column<'py> = Bound<'py, PyArray1<u64>>;
type Output<'py> = PyReadwriteArray1<'py, u64>;

#[pyfunction]
#[pyo3(signature = (income, weights, *, closed, total=None, before=None, threads=1, out=None))]
#[expect(clippy::too_many_arguments, reason = "optional, by name")]
fn shares<'py>(
    py: Python<'py>,
    income: Narrow,
    weights: Chunks<'py, u64, Ix1>,
    closed: bool,
    total: Option<Wide>,
    before: Option<Wide>,
    threads: usize,
    out: Option<Output<'py>>,
) -> PyResult<Column<'py>> {
    let mut out = output(py, out, weights.rows(), &weights.0.iter().map(Values::span).collect::<Vec<_>>())?;
    let shares = out.as_slice_mut()?;
    let chunks = weights.0.iter().map(Values::as_slice).collect::<PyResult<Vec<_>>>()?;
    let done = py.detach(|| {
        let total = total.map_or_else(|| chunks.iter().map(|weights| rules::sum(weights)).sum(), |total| total.0);
        match (before, &chunks[..]) {
            (None, [weights]) => rules::share(income.0, weights, total, stage(closed), threads, shares),
            _ => share_chunks(income.0, before.map_or(0, |before| before.0), &chunks, total, stage(closed), shares),
        }
    });
    done.map_err(|error| raise(py, error))?;
    Ok((**out).clone())
}

/// Chunks are shards: each needs only where it begins.
fn share_chunks(
    income: u64,
    mut before: u128,
    chunks: &[&[u64]],
    total: u128,
    stage: Stage,
    mut shares: &mut [u64],
) -> Result<(), Error> {
    let rows: usize = chunks.iter().map(|chunk| chunk.len()).sum();
    if rows != shares.len() {
        let (expected, actual) = (rows as u64, shares.len() as u64);
        return Err(Error::LengthMismatch { what: "shares", expected, actual });
    }
    if chunks.is_empty() {
        return rules::share_from(income, before, &[], total, stage, shares);
    }
    for weights in chunks {
        let here = shares.split_off_mut(..weights.len()).expect("as many rows as weights");
        rules::share_from(income, before, weights, total, stage, here)?;
        before += rules::sum(weights);
    }
    Ok(())
}

#[pyfunction]
#[pyo3(signature = (incomes, offsets, weights, *, closed, out=None))]
fn shares_ragged<'py>(
    py: Python<'py>,
    incomes: Weights<'py>,
    offsets: Weights<'py>,
    weights: Weights<'py>,
    closed: bool,
    out: Option<Output<'py>>,
) -> PyResult<Column<'py>> {
    let mut out = output(py, out, weights.shape()[0], &[incomes.span(), offsets.span(), weights.span()])?;
    let (incomes, offsets, weights) = (incomes.as_slice()?, offsets.as_slice()?, weights.as_slice()?);
    let shares = out.as_slice_mut()?;
    let done = py.detach(|| rules::share_ragged(incomes, offsets, weights, stage(closed), shares));
    done.map_err(|error| raise(py, error))?;
    Ok((**out).clone())
}

#[pyfunction]
#[pyo3(signature = (amounts, agreement, legs, *, out=None))]
fn split_receipts<'py>(
    py: Python<'py>,
    amounts: Weights<'py>,
    agreement: Names<'py>,
    legs: Vec<Vec<u64>>,
    out: Option<Output<'py>>,
) -> PyResult<Column<'py>> {
    let spans = [amounts.span(), agreement.span()];
    let (amounts, agreement) = (amounts.as_slice()?, agreement.as_slice()?);
    let agreements = Agreements::new(&legs).map_err(|error| raise(py, error))?;
    let count = match &out {
        Some(out) => out.len(),
        None => py.detach(|| agreements.legs_of(agreement)).map_err(|error| raise(py, error))?,
    };
    let mut out = output(py, out, count, &spans)?;
    let shares = out.as_slice_mut()?;
    py.detach(|| agreements.split(amounts, agreement, shares)).map_err(|error| raise(py, error))?;
    Ok((**out).clone())
}

#[pyfunction]
#[pyo3(signature = (available, offsets, rank, due, cap, *, out=None))]
fn waterfall<'py>(
    py: Python<'py>,
    available: Weights<'py>,
    offsets: Weights<'py>,
    rank: Ranks<'py>,
    due: Weights<'py>,
    cap: Weights<'py>,
    out: Option<(Output<'py>, Output<'py>)>,
) -> PyResult<(Column<'py>, Column<'py>)> {
    let (taken, rest) = out.unzip();
    let spans = [available.span(), offsets.span(), rank.span(), due.span(), cap.span()];
    let mut taken = output(py, taken, rank.shape()[0], &spans)?;
    let mut rest = output(py, rest, available.shape()[0], &spans)?;
    let available = available.as_slice()?;
    let pledges =
        Pledges { offsets: offsets.as_slice()?, rank: rank.as_slice()?, due: due.as_slice()?, cap: cap.as_slice()? };
    let (taken_out, rest_out) = (taken.as_slice_mut()?, rest.as_slice_mut()?);
    let served = py.detach(|| liens::waterfall(available, pledges, taken_out, rest_out));
    served.map_err(|error| raise(py, error))?;
    Ok(((**taken).clone(), (**rest).clone()))
}

#[pyfunction]
#[pyo3(signature = (account, amounts, accounts, *, out=None))]
fn net<'py>(
    py: Python<'py>,
    account: Names<'py>,
    amounts: Amounts<'py>,
    accounts: usize,
    out: Option<PyReadwriteArray2<'py, u64>>,
) -> PyResult<Bound<'py, PyArray2<u64>>> {
    let mut out = match out {
        Some(out) if out.shape() == [2, accounts] => {
            require_apart(span(&out), &[account.span(), amounts.span()])?;
            out
        }
        Some(out) => {
            let (expected, actual) = (2 * accounts as u64, out.len() as u64);
            return Err(raise(py, Error::LengthMismatch { what: "nets", expected, actual }));
        }
        None => empty(py, 2 * accounts)?.reshape([2, accounts])?.readwrite(),
    };
    let (account, amounts) = (account.as_slice()?, amounts.as_slice()?);
    let (low, high) = out.as_slice_mut()?.split_at_mut(accounts);
    let netted = py.detach(|| settle::net(account, amounts, low, high));
    netted.map_err(|error| raise(py, error))?;
    Ok((**out).clone())
}

pub fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(shares, module)?)?;
    module.add_function(wrap_pyfunction!(shares_ragged, module)?)?;
    module.add_function(wrap_pyfunction!(split_receipts, module)?)?;
    module.add_function(wrap_pyfunction!(waterfall, module)?)?;
    module.add_function(wrap_pyfunction!(net, module)?)
}
