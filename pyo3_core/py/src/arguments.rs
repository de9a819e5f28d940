//! What Python hands over becomes numbers of a fixed width and borrowed columns here, or is refused by name.

use std::ops::Range;

use numpy::ndarray::{Dimension, Ix1, Ix2};
use numpy::{
    Element, PyArray, PyArray1, PyArrayMethods, PyReadonlyArray, PyReadwriteArray1, PyUntypedArray,
    PyUntypedArrayMethods,
};
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::arrow::{self, Format};
use crate::errors::{AmountIsNegative, AmountTooLarge, with_facts};

/// A number of 64 bits.
#[derive(Clone, Copy)]
pub struct Narrow(pub u64);

/// A number of 128 bits.
#[derive(Clone, Copy)]
pub struct Wide(pub u128);

/// An array of `NumPy` in C order, or an Arrow array in one piece, read where it is.
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

impl<'py, T: Format, D: Dimension> FromPyObject<'_, 'py> for Values<'py, T, D> {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let Chunks(mut chunks) = given.extract()?;
        match (chunks.pop(), chunks.len()) {
            (Some(chunk), 0) => Ok(chunk),
            (Some(_), more) => Err(PyTypeError::new_err(format!("expected one chunk, got {}: combine them", more + 1))),
            (None, _) => {
                let empty = PyArray::<T, D>::zeros(given.py(), D::zeros(D::NDIM.unwrap_or(1)), false);
                Ok(Self(empty.readonly()))
            }
        }
    }
}

/// A column in pieces that follow each other, as Arrow streams have them.
pub struct Chunks<'py, T: Element, D: Dimension>(pub Vec<Values<'py, T, D>>);

impl<'py, T: Format, D: Dimension> FromPyObject<'_, 'py> for Chunks<'py, T, D> {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match given.extract::<PyReadonlyArray<'py, T, D>>() {
            // A Fortran-ordered table is contiguous as well, but its rows are not.
            Ok(array) if array.is_c_contiguous() => return Ok(Self(vec![Values(array)])),
            _ if given.cast::<PyUntypedArray>().is_ok() => return Err(other_array::<T, D>(&given)),
            _ => {}
        }
        let chunks = arrow::chunks::<T, D>(&given)?.ok_or_else(|| other_array::<T, D>(&given))?;
        Ok(Self(chunks.into_iter().map(|chunk| Values(chunk.readonly())).collect()))
    }
}

impl<T: Element, D: Dimension> Chunks<'_, T, D> {
    /// The rows of all chunks.
    pub fn rows(&self) -> usize {
        self.0.iter().map(|chunk| chunk.shape()[0]).sum()
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

    /// Where it is.
    pub fn span(&self) -> Range<usize> {
        span(&self.0)
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

/// The column to be filled: the one that is given, or a new one.
pub fn output<'py>(
    py: Python<'py>,
    given: Option<PyReadwriteArray1<'py, u64>>,
    rows: usize,
    inputs: &[Range<usize>],
) -> PyResult<PyReadwriteArray1<'py, u64>> {
    match given {
        Some(given) => {
            require_apart(span(&given), inputs)?;
            Ok(given)
        }
        None => Ok(empty(py, rows)?.readwrite()),
    }
}

/// Refuses an output that lies over an input. `NumPy`'s own arrays are told apart when they are taken; what came through Arrow
/// may be the same memory under another name.
pub fn require_apart(output: Range<usize>, inputs: &[Range<usize>]) -> PyResult<()> {
    let overlaps = |input: &Range<usize>| input.start < output.end && output.start < input.end;
    if inputs.iter().any(overlaps) {
        return Err(PyValueError::new_err("the output overlaps an input"));
    }
    Ok(())
}

/// Where the memory of an array begins and ends.
pub fn span<T: Element, D: Dimension>(array: &Bound<'_, PyArray<T, D>>) -> Range<usize> {
    let begin = array.data() as usize;
    begin..begin + array.len() * size_of::<T>()
}
