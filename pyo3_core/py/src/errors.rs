//! The refusals of the core as Python exceptions. Each carries its facts as attributes.

use gongsheng_core::{Error, Refusal};
use pyo3::create_exception;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

create_exception!(pyo3_core, CoreError, PyValueError, "What the world may do and the core does not answer.");
create_exception!(pyo3_core, AmountIsNegative, CoreError, "A number is below zero.");
create_exception!(pyo3_core, AmountTooLarge, CoreError, "A number does not fit in the bits it has.");
create_exception!(pyo3_core, NullsInColumn, CoreError, "An Arrow array has nulls.");
create_exception!(pyo3_core, TotalIsZero, CoreError, "The weights add up to zero.");
create_exception!(pyo3_core, WeightAboveTotal, CoreError, "A slice ends behind the total it is a slice of.");
create_exception!(pyo3_core, SumOverflow, CoreError, "Two weights add up to more than 128 bits.");
create_exception!(pyo3_core, ZeroAccount, CoreError, "A leaf belongs to the zero account.");
create_exception!(pyo3_core, LengthMismatch, CoreError, "Something has not the length it must have.");
create_exception!(pyo3_core, NotARegister, CoreError, "A file is not one of a register.");
create_exception!(pyo3_core, LegsNotWhole, CoreError, "The legs of an agreement are not 10,000 basis points.");
create_exception!(pyo3_core, OutOfRange, CoreError, "A row names something that is not there.");
create_exception!(pyo3_core, NoSuchLeaf, CoreError, "The register has fewer leaves.");
create_exception!(pyo3_core, ProofRefused, CoreError, "A proof does not show that the leaf is in the register.");
create_exception!(pyo3_core, IncomeFell, CoreError, "A cumulative figure is lower after a claim than before.");
create_exception!(pyo3_core, PledgedAboveWhole, CoreError, "More than the whole of one income is pledged.");

/// Adds every exception to the module.
pub fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("CoreError", py.get_type::<CoreError>())?;
    module.add("AmountIsNegative", py.get_type::<AmountIsNegative>())?;
    module.add("AmountTooLarge", py.get_type::<AmountTooLarge>())?;
    module.add("NullsInColumn", py.get_type::<NullsInColumn>())?;
    module.add("TotalIsZero", py.get_type::<TotalIsZero>())?;
    module.add("WeightAboveTotal", py.get_type::<WeightAboveTotal>())?;
    module.add("SumOverflow", py.get_type::<SumOverflow>())?;
    module.add("ZeroAccount", py.get_type::<ZeroAccount>())?;
    module.add("LengthMismatch", py.get_type::<LengthMismatch>())?;
    module.add("NotARegister", py.get_type::<NotARegister>())?;
    module.add("LegsNotWhole", py.get_type::<LegsNotWhole>())?;
    module.add("OutOfRange", py.get_type::<OutOfRange>())?;
    module.add("NoSuchLeaf", py.get_type::<NoSuchLeaf>())?;
    module.add("ProofRefused", py.get_type::<ProofRefused>())?;
    module.add("IncomeFell", py.get_type::<IncomeFell>())?;
    module.add("PledgedAboveWhole", py.get_type::<PledgedAboveWhole>())
}

/// Maps a refusal of the core to its exception.
pub fn raise(py: Python<'_>, error: Error) -> PyErr {
    let message = error.to_string();
    match error {
        Error::TotalIsZero => TotalIsZero::new_err(message),
        Error::WeightAboveTotal { before, weight, total } => with_facts(
            py,
            WeightAboveTotal::new_err(message),
            [("before", before), ("weight", weight), ("total", total)],
        ),
        Error::SumOverflow { left, right } => {
            with_facts(py, SumOverflow::new_err(message), [("left", left), ("right", right)])
        }
        Error::ZeroAccount { index } => with_facts(py, ZeroAccount::new_err(message), [("index", index)]),
        Error::LengthMismatch { what, expected, actual } => {
            let named = with_facts(py, LengthMismatch::new_err(message), [("what", what)]);
            with_facts(py, named, [("expected", expected), ("actual", actual)])
        }
        Error::NotARegister => NotARegister::new_err(message),
        Error::LegsNotWhole { total_bps } => with_facts(py, LegsNotWhole::new_err(message), [("total_bps", total_bps)]),
        Error::OutOfRange { what, index, value, limit } => {
            let named = with_facts(py, OutOfRange::new_err(message), [("what", what)]);
            with_facts(py, named, [("index", index), ("value", value), ("limit", limit)])
        }
        Error::NoSuchLeaf { index, count } => {
            with_facts(py, NoSuchLeaf::new_err(message), [("index", index), ("count", count)])
        }
        Error::ProofRefused(refusal) => {
            let named = with_facts(py, ProofRefused::new_err(message), [("reason", refusal.reason())]);
            match refusal {
                Refusal::Count(value) | Refusal::Index(value) | Refusal::Length(value) => {
                    with_facts(py, named, [("value", value)])
                }
                Refusal::Sum(value) => with_facts(py, named, [("value", value)]),
                Refusal::Root(value) => with_facts(py, named, [("value", PyBytes::new(py, &value))]),
            }
        }
        Error::IncomeFell { before, after } => {
            with_facts(py, IncomeFell::new_err(message), [("before", before), ("after", after)])
        }
        Error::PledgedAboveWhole { bps } => with_facts(py, PledgedAboveWhole::new_err(message), [("bps", bps)]),
    }
}

/// The exception with facts as attributes, or the error of setting them.
pub fn with_facts<'py, const N: usize>(
    py: Python<'py>,
    exception: PyErr,
    facts: [(&str, impl IntoPyObject<'py>); N],
) -> PyErr {
    let set = facts.into_iter().try_for_each(|(name, fact)| exception.value(py).setattr(name, fact));
    match set {
        Ok(()) => exception,
        Err(error) => error,
    }
}
