//! Columns of Arrow, read and handed out where they are: the Arrow PyCapsule interface, so any library that speaks it can
//! be a neighbour, and none is needed.
//!
//! What is unsafe here is sound as long as the other side keeps to the Arrow C data and stream interfaces, as it promises
//! by offering the capsules:
//! - **Structures that are handed over** are moved out of their capsule, which is left released, and are released once,
//!   when the last array that reads from them is gone. Until then their buffers stay where they are.
//! - **Buffers** are as long as length, offset and format say; lengths, alignment and nulls are checked before anything
//!   is read.
//! - **Structures that we hand out** own a reference to the NumPy array whose memory they point to.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::{self, NonNull};

use numpy::ndarray::{ArrayView, Dimension, IxDyn};
use numpy::{Element, PyArray, PyArray1, PyArray2, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};

use crate::errors::{NullsInColumn, with_facts};

/// `struct ArrowSchema`.
#[repr(C)]
struct Schema {
    format: *const c_char,
    name: *const c_char,
    metadata: *const c_char,
    flags: i64,
    n_children: i64,
    children: *mut *mut Schema,
    dictionary: *mut Schema,
    release: Option<unsafe extern "C" fn(*mut Schema)>,
    private_data: *mut c_void,
}

/// `struct ArrowArray`.
#[repr(C)]
struct Array {
    length: i64,
    null_count: i64,
    offset: i64,
    n_buffers: i64,
    n_children: i64,
    buffers: *const *const c_void,
    children: *mut *mut Array,
    dictionary: *mut Array,
    release: Option<unsafe extern "C" fn(*mut Array)>,
    private_data: *mut c_void,
}

/// `struct ArrowArrayStream`.
#[repr(C)]
struct Stream {
    get_schema: Option<unsafe extern "C" fn(*mut Stream, *mut Schema) -> c_int>,
    get_next: Option<unsafe extern "C" fn(*mut Stream, *mut Array) -> c_int>,
    get_last_error: Option<unsafe extern "C" fn(*mut Stream) -> *const c_char>,
    release: Option<unsafe extern "C" fn(*mut Stream)>,
    private_data: *mut c_void,
}

/// A structure that has a released state, and is released when it is dropped.
macro_rules! released {
    ($name:ident, $capsule:literal, $($field:ident: $value:expr),+) => {
        impl $name {
            const RELEASED: Self = Self { $($field: $value,)+ release: None, private_data: ptr::null_mut() };

            /// Moves the structure out of its capsule.
            fn taken(capsule: &Bound<'_, PyAny>) -> PyResult<Self> {
                let pointer: NonNull<Self> = capsule.cast::<PyCapsule>()?.pointer_checked(Some($capsule))?.cast();
                // SAFETY: the capsule's name says what its pointer points to; nobody else reads it while we are attached.
                Ok(std::mem::replace(unsafe { &mut *pointer.as_ptr() }, Self::RELEASED))
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                if let Some(release) = self.release {
                    // SAFETY: it was not released yet, and is not used after.
                    unsafe { release(self) }
                }
            }
        }

        // SAFETY: Arrow lets structures be used and released from any thread, from one at a time.
        unsafe impl Send for $name {}
    };
}

released!(Schema, c"arrow_schema", format: ptr::null(), name: ptr::null(), metadata: ptr::null(), flags: 0,
    n_children: 0, children: ptr::null_mut(), dictionary: ptr::null_mut());
released!(Array, c"arrow_array", length: 0, null_count: 0, offset: 0, n_buffers: 0, n_children: 0,
    buffers: ptr::null(), children: ptr::null_mut(), dictionary: ptr::null_mut());
released!(Stream, c"arrow_array_stream", get_schema: None, get_next: None, get_last_error: None);

/// Numbers as Arrow names them.
pub trait Format: Element {
    /// The format of a column of them.
    const FORMAT: &CStr;
}

impl Format for u64 {
    const FORMAT: &CStr = c"L";
}
impl Format for i64 {
    const FORMAT: &CStr = c"l";
}
impl Format for u32 {
    const FORMAT: &CStr = c"I";
}
impl Format for u8 {
    const FORMAT: &CStr = c"C";
}

/// Accounts as fixed-size binary, and as lists of as many bytes.
const BINARY: &CStr = c"w:20";
const LIST: &CStr = c"+w:20";

/// The format of a schema.
fn format_of(schema: &Schema) -> &CStr {
    // SAFETY: a schema that is not released has a format.
    if schema.release.is_none() { c"" } else { unsafe { CStr::from_ptr(schema.format) } }
}

/// The chunks of a column that Arrow hands over, or none if it is no such thing.
pub fn chunks<'py, T: Format, D: Dimension>(
    given: &Bound<'py, PyAny>,
) -> PyResult<Option<Vec<Bound<'py, PyArray<T, D>>>>> {
    if given.hasattr("__arrow_c_array__")? {
        let capsules: Bound<'_, PyTuple> = given.call_method0("__arrow_c_array__")?.cast_into()?;
        let schema = Schema::taken(&capsules.get_item(0)?)?;
        let array = Array::taken(&capsules.get_item(1)?)?;
        return Ok(Some(vec![view(given.py(), &schema, array)?]));
    }
    if !given.hasattr("__arrow_c_stream__")? {
        return Ok(None);
    }
    let mut stream = Stream::taken(&given.call_method0("__arrow_c_stream__")?)?;
    let (Some(get_schema), Some(get_next)) = (stream.get_schema, stream.get_next) else {
        return Err(PyRuntimeError::new_err("the stream is released"));
    };
    let mut schema = Schema::RELEASED;
    // SAFETY: the stream is not released, and fills in a structure that is.
    let status = unsafe { get_schema(&raw mut stream, &raw mut schema) };
    answered(&mut stream, status)?;
    let mut chunks = Vec::new();
    loop {
        let mut array = Array::RELEASED;
        // SAFETY: as above.
        let status = unsafe { get_next(&raw mut stream, &raw mut array) };
        answered(&mut stream, status)?;
        if array.release.is_none() {
            return Ok(Some(chunks));
        }
        chunks.push(view(given.py(), &schema, array)?);
    }
}

/// Raises what stopped a stream.
fn answered(stream: &mut Stream, status: c_int) -> PyResult<()> {
    if status == 0 {
        return Ok(());
    }
    let message = stream.get_last_error.map_or(ptr::null(), |get_last_error| {
        // SAFETY: the stream is not released.
        unsafe { get_last_error(stream) }
    });
    let message = if message.is_null() {
        format!("the stream stopped with {status}")
    } else {
        // SAFETY: a message ends with zero, and lives until the stream is asked again.
        unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned()
    };
    Err(PyRuntimeError::new_err(message))
}

/// An Arrow array as a NumPy array that nobody can write to, over the same memory, which it keeps alive.
fn view<'py, T: Format, D: Dimension>(
    py: Python<'py>,
    schema: &Schema,
    array: Array,
) -> PyResult<Bound<'py, PyArray<T, D>>> {
    let table = D::NDIM == Some(2);
    let (format, expected) = (format_of(schema), if table { BINARY } else { T::FORMAT });
    let refused =
        |got: &CStr| PyTypeError::new_err(format!("expected an Arrow array of format {expected:?}, got {got:?}"));
    let (mut values, mut first) = (&array, array.offset);
    let width = if table { 20 } else { 1 };
    refuse_nulls(py, &array)?;
    if table && format == LIST {
        // SAFETY: a fixed-size list has one child, in the schema and in the array.
        let (child, bytes) = unsafe { (&**schema.children, &**array.children) };
        if format_of(child) != u8::FORMAT {
            return Err(refused(format_of(child)));
        }
        refuse_nulls(py, bytes)?;
        (values, first) = (bytes, bytes.offset + 20 * first);
    } else if format == expected && schema.dictionary.is_null() {
        first *= width;
    } else {
        return Err(refused(format));
    }
    let rows = usize::try_from(array.length)?;
    // SAFETY: a primitive array has two buffers, of which the second has the values.
    let begin = if values.n_buffers == 2 { unsafe { *values.buffers.add(1) } } else { ptr::null() };
    let pointer: *const T = if rows == 0 {
        NonNull::dangling().as_ptr()
    } else {
        // SAFETY: the buffer reaches to the last row behind the offset.
        unsafe { begin.cast::<T>().add(usize::try_from(first)?) }
    };
    if rows > 0 && (begin.is_null() || !pointer.is_aligned()) {
        return Err(PyTypeError::new_err("expected an Arrow array whose values are aligned"));
    }
    let shape = if table { vec![rows, 20] } else { vec![rows] };
    let shape = D::from_dimension(&IxDyn(&shape)).expect("as many dimensions");
    let owner = PyCapsule::new_with_value(py, array, c"pyo3_core.column")?;
    // SAFETY: the memory is that of the array, which its owner keeps until the view is gone; it is not written to.
    let view = unsafe { PyArray::borrow_from_array(&ArrayView::from_shape_ptr(shape, pointer), owner.into_any()) };
    view.call_method1("setflags", (false,))?;
    Ok(view)
}

/// Names the refusal of a column with nulls: nobody says what they would be.
fn refuse_nulls(py: Python<'_>, array: &Array) -> PyResult<()> {
    let count = match array.null_count {
        -1 if array.n_buffers > 0 => {
            // SAFETY: the first buffer is the validity, a bit for each row behind the offset, or missing.
            let validity: *const u8 = unsafe { *array.buffers }.cast();
            let rows = usize::try_from(array.offset)?..usize::try_from(array.offset + array.length)?;
            let is_null = |&row: &usize| unsafe { *validity.add(row / 8) } >> (row % 8) & 1 == 0;
            if validity.is_null() { 0 } else { rows.filter(is_null).count() as u64 }
        }
        count => u64::try_from(count).unwrap_or_default(),
    };
    if count == 0 {
        return Ok(());
    }
    Err(with_facts(py, NullsInColumn::new_err(format!("the column has {count} nulls")), [("count", count)]))
}

/// A column to be taken by others through Arrow, without a copy.
#[pyclass(frozen, module = "pyo3_core")]
pub struct Column {
    array: Py<PyAny>,
    values: usize,
    rows: usize,
    format: &'static CStr,
}

#[pymethods]
impl Column {
    #[new]
    fn new(array: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (values, rows, format) = if let Ok(column) = array.cast::<PyArray1<u64>>() {
            (column.is_c_contiguous().then(|| column.data() as usize), column.len(), u64::FORMAT)
        } else if let Ok(table) = array.cast::<PyArray2<u8>>() {
            let whole = table.is_c_contiguous() && table.shape()[1] == 20;
            (whole.then(|| table.data() as usize), table.shape()[0], BINARY)
        } else {
            (None, 0, c"")
        };
        let expected = "expected a C-contiguous column of uint64, or table of uint8 with 20 bytes in a row";
        let values = values.ok_or_else(|| PyTypeError::new_err(expected))?;
        array.call_method1("setflags", (false,))?;
        Ok(Self { array: array.clone().unbind(), values, rows, format })
    }

    fn __len__(&self) -> usize {
        self.rows
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let mut schema = Schema::RELEASED;
        (schema.format, schema.name) = (self.format.as_ptr(), c"".as_ptr());
        schema.release = Some(release_schema);
        PyCapsule::new_with_value(py, schema, c"arrow_schema")
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<(Bound<'py, PyCapsule>, Bound<'py, PyCapsule>)> {
        // Whoever asks for another type gets this one, and may cast it: so the interface wants it.
        drop(requested_schema);
        let held =
            Box::new(Held { _array: self.array.clone_ref(py), buffers: [ptr::null(), self.values as *const c_void] });
        let mut array = Array::RELEASED;
        (array.length, array.n_buffers, array.buffers) = (i64::try_from(self.rows)?, 2, held.buffers.as_ptr());
        array.private_data = Box::into_raw(held).cast();
        array.release = Some(release_array);
        Ok((self.__arrow_c_schema__(py)?, PyCapsule::new_with_value(py, array, c"arrow_array")?))
    }
}

/// What an array that was handed out holds on to.
struct Held {
    _array: Py<PyAny>,
    buffers: [*const c_void; 2],
}

unsafe extern "C" fn release_schema(schema: *mut Schema) {
    // SAFETY: called once, with the schema.
    unsafe { (*schema).release = None };
}

unsafe extern "C" fn release_array(array: *mut Array) {
    // SAFETY: called once, with the array, whose private data is what it holds on to.
    let held = unsafe {
        (*array).release = None;
        Box::from_raw((*array).private_data.cast::<Held>())
    };
    let mut held = Some(held);
    if Python::try_attach(|_| drop(held.take())).is_none() {
        // The interpreter is gone, and its memory with it.
        std::mem::forget(held);
    }
}
