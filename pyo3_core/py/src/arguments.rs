//! What Python hands over becomes numbers of a fixed width and borrowed columns here, or is refused by name.

use numpy::ndarray::{Dimension, Ix1, Ix2};
use numpy::{Element, PyArray, PyArray1, PyReadonlyArray, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::prelude::*;

use crate::errors::{AmountIsNegative, AmountTooLarge, with_facts};

/// A number of 64 bits.
#[derive(Clone, Copy)]
pub struct Narrow(pub u64);

/// A number of 128 bits.
#[derive(Clone, Copy)]
pub struct Wide(pub u128);

/// An array in C order, read where it is.
pub struct Values<'py, T: Element, D: Dimension>(PyReadonlyArray<'py, T, D>);

/// A column of weights.
pub type Weights<'py> = Values<'py, u64, Ix1>;

/// A column of signed amounts.
pub type Amounts<'py> = Values<'py, i64, Ix1>;

/// A column that names rows of another table.
pub type Names<'py> = Values<'py, u32, Ix1>;

/// A column of ranks.
pub type Ranks<'py> = Values<'py, u8, Ix1>;

/// A table with an account in each row.
pub type Accounts<'py> = Values<'py, u8, Ix2>;

impl<'py> FromPyObject<'_, 'py> for Narrow {
    type Error = PyErr;

    fn extract(number: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        number.extract().map(Self).map_err(|error| out_of_range(&number, error, 64))
    }
}

impl<'py> FromPyObject<'_, 'py> for Wide {
    type Error = PyErr;

    fn extract(number: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        number.extract().map(Self).map_err(|error| out_of_range(&number, error, 128))
    }
}

/// Names the refusal of an integer that does not fit; what is not an integer stays a `TypeError`.
fn out_of_range(number: &Bound<'_, PyAny>, error: PyErr, bits: u32) -> PyErr {
    let py = number.py();
    if !error.is_instance_of::<PyOverflowError>(py) {
        return error;
    }
    let named = match number.lt(0) {
        Ok(true) => AmountIsNegative::new_err(format!("{number} is negative")),
        Ok(false) => AmountTooLarge::new_err(format!("{number} does not fit in {bits} bits")),
        Err(error) => return error,
    };
    with_facts(py, named, [("value", number)])
}

impl<'py, T: Element, D: Dimension> FromPyObject<'_, 'py> for Values<'py, T, D> {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match given.extract::<PyReadonlyArray<'py, T, D>>() {
            // A Fortran-ordered table is contiguous as well, but its rows are not.
            Ok(array) if array.is_c_contiguous() => Ok(Self(array)),
            _ => Err(other_array::<T, D>(&given)),
        }
    }
}

impl<'py, T: Element, D: Dimension> Values<'py, T, D> {
    /// The array itself.
    pub fn array(&self) -> &Bound<'py, PyArray<T, D>> {
        &self.0
    }

    /// The length along every dimension.
    pub fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    /// The values, row by row.
    pub fn as_slice(&self) -> PyResult<&[T]> {
        Ok(self.0.as_slice()?)
    }
}

/// Tells which array was expected, and what was given.
fn other_array<T: Element, D: Dimension>(given: &Bound<'_, PyAny>) -> PyErr {
    let (dtype, dimensions) = (T::get_dtype(given.py()), D::NDIM.unwrap_or(0));
    let got = match given.cast::<PyUntypedArray>() {
        Ok(array) => {
            let order = if array.is_c_contiguous() { "C-contiguous" } else { "scattered" };
            format!("a {order} {}-dimensional array of {}", array.ndim(), array.dtype())
        }
        Err(_) => given.get_type().to_string(),
    };
    PyTypeError::new_err(format!("expected a C-contiguous {dimensions}-dimensional array of {dtype}, got {got}"))
}

/// A column to be filled, from NumPy's allocator, which asks the system for large pages.
pub fn empty(py: Python<'_>, rows: usize) -> PyResult<Bound<'_, PyArray1<u64>>> {
    Ok(py.import("numpy")?.call_method1("empty", (rows, "uint64"))?.cast_into()?)
}
