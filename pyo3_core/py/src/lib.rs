//! Python binding.
use pyo3::prelude::*;

/// The module.
#[pymodule]
fn pyo3_core(_m: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
