//! Registers in memory and in files, and the trees of OpenZeppelin.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use gongsheng_core::openzeppelin::{self, StandardTree as Standard};
use gongsheng_core::stored::{Layout, Stream};
use gongsheng_core::{Account, Error, Lanes, Part, Plan, Tree, node_words, shares};
use numpy::ndarray::{Ix1, Ix2};
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::arguments::{Accounts, Chunks, Narrow, Values, Weights, Wide, empty};
use crate::errors::raise;
use crate::{fixed, stage};

/// The accounts in the rows of a table.
fn rows<'a>(accounts: &'a Accounts<'_>) -> PyResult<Result<&'a [Account], Error>> {
    let width = accounts.shape()[1] as u64;
    if width != 20 {
        return Ok(Err(Error::LengthMismatch { what: "account", expected: 20, actual: width }));
    }
    Ok(Ok(accounts.as_slice()?.as_chunks().0))
}

/// How to build, as Python says it.
fn plan(threads: usize, lanes: Option<&str>) -> PyResult<Plan> {
    let lanes = match lanes {
        None => Lanes::best(),
        Some(name) => {
            Lanes::named(name).ok_or_else(|| PyValueError::new_err(format!("this processor has no lanes {name:?}")))?
        }
    };
    Ok(Plan { lanes, threads })
}

#[pyfunction]
fn lanes() -> Vec<&'static str> {
    Lanes::available().into_iter().map(Lanes::name).collect()
}

/// The arrays that a register is read from: its own, or a mapped file.
struct Columns<'py> {
    accounts: PyReadonlyArray2<'py, u8>,
    weights: PyReadonlyArray1<'py, u64>,
    nodes: PyReadonlyArray1<'py, u64>,
}

impl Columns<'_> {
    fn tree(&self) -> PyResult<Result<Tree<'_>, Error>> {
        Ok(Tree::open(self.accounts.as_slice()?.as_chunks().0, self.weights.as_slice()?, self.nodes.as_slice()?))
    }
}

#[pyclass(frozen, module = "pyo3_core")]
struct Register {
    accounts: Py<PyArray2<u8>>,
    weights: Py<PyArray1<u64>>,
    nodes: Py<PyArray1<u64>>,
    root: [u8; 32],
    total: u128,
    count: u64,
}

impl Register {
    fn columns<'py>(&self, py: Python<'py>) -> Columns<'py> {
        Columns {
            accounts: self.accounts.bind(py).readonly(),
            weights: self.weights.bind(py).readonly(),
            nodes: self.nodes.bind(py).readonly(),
        }
    }

    /// Answers from the tree, attached to the interpreter.
    fn ask<R>(&self, py: Python<'_>, question: impl FnOnce(&Tree<'_>) -> Result<R, Error>) -> PyResult<R> {
        let columns = self.columns(py);
        let tree = columns.tree()?;
        tree.and_then(|tree| question(&tree)).map_err(|error| raise(py, error))
    }

    /// Takes up what stands in arrays already.
    fn open(
        py: Python<'_>,
        accounts: Py<PyArray2<u8>>,
        weights: Py<PyArray1<u64>>,
        nodes: Py<PyArray1<u64>>,
    ) -> PyResult<Self> {
        let mut register = Self { accounts, weights, nodes, root: [0; 32], total: 0, count: 0 };
        (register.root, register.total, register.count) =
            register.ask(py, |tree| Ok((tree.root(), tree.total(), tree.count())))?;
        Ok(register)
    }

    /// Maps a file into memory.
    fn map(py: Python<'_>, path: &PathBuf) -> PyResult<Self> {
        let numpy = py.import("numpy")?;
        let options = PyDict::new(py);
        options.set_item("dtype", "uint8")?;
        options.set_item("mode", "r")?;
        let file = numpy.getattr("memmap")?.call((path,), Some(&options))?;
        let layout = {
            let bytes: PyReadonlyArray1<'_, u8> = file.extract()?;
            Layout::read(bytes.as_slice()?).map_err(|error| raise(py, error))?
        };
        let part = |range: std::ops::Range<usize>, dtype: &str| {
            let slice = pyo3::types::PySlice::new(py, range.start.cast_signed(), range.end.cast_signed(), 1);
            file.get_item(slice)?.call_method1("view", (dtype,))
        };
        let accounts = part(layout.accounts, "uint8")?.call_method1("reshape", (layout.count, 20))?;
        let accounts = accounts.cast_into::<PyArray2<u8>>()?.unbind();
        let weights = part(layout.weights, "uint64")?.cast_into::<PyArray1<u64>>()?.unbind();
        let nodes = part(layout.nodes, "uint64")?.cast_into::<PyArray1<u64>>()?.unbind();
        Self::open(py, accounts, weights, nodes)
    }
}

/// The array itself if nobody may write to it, else a copy.
fn kept<'py, T: numpy::Element, D: numpy::ndarray::Dimension>(
    array: &Bound<'py, numpy::PyArray<T, D>>,
) -> PyResult<Bound<'py, numpy::PyArray<T, D>>> {
    let mut base = array.as_any().clone();
    loop {
        if base.cast::<numpy::PyUntypedArray>().is_err() {
            // The memory belongs to bytes, a file, or another library.
            break;
        }
        if base.getattr("flags")?.getattr("writeable")?.extract()? {
            return Ok(array.call_method0("copy")?.cast_into()?);
        }
        base = base.getattr("base")?;
    }
    Ok(array.clone())
}

#[pymethods]
impl Register {
    #[new]
    #[pyo3(signature = (accounts, weights, *, threads=1, lanes=None))]
    fn new(
        py: Python<'_>,
        accounts: Accounts<'_>,
        weights: Weights<'_>,
        threads: usize,
        lanes: Option<&str>,
    ) -> PyResult<Self> {
        let plan = plan(threads, lanes)?;
        let nodes = empty(py, node_words(accounts.shape()[0]))?;
        {
            let mut nodes = nodes.readwrite();
            let (accounts, weights, nodes) = (rows(&accounts)?, weights.as_slice()?, nodes.as_slice_mut()?);
            let built =
                py.detach(|| accounts.and_then(|accounts| Tree::build(accounts, weights, nodes, plan).map(|_| ())));
            built.map_err(|error| raise(py, error))?;
        }
        let (accounts, weights) = (kept(accounts.array())?.unbind(), kept(weights.array())?.unbind());
        Self::open(py, accounts, weights, nodes.unbind())
    }

    #[staticmethod]
    #[pyo3(name = "open")]
    fn open_file(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        Self::map(py, &path)
    }

    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let columns = self.columns(py);
        let layout = Layout::new(self.count).map_err(|error| raise(py, error))?;
        let (accounts, weights, nodes) =
            (columns.accounts.as_slice()?, columns.weights.as_slice()?, columns.nodes.as_slice()?);
        py.detach(|| {
            let mut file = File::create(path)?;
            file.write_all(&layout.header())?;
            write_words(&mut file, weights)?;
            write_words(&mut file, nodes)?;
            file.write_all(accounts)
        })
        .map_err(PyOSError::new_err)
    }

    #[getter]
    fn root<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.root)
    }

    #[getter]
    fn total(&self) -> u128 {
        self.total
    }

    #[getter]
    fn count(&self) -> u64 {
        self.count
    }

    fn __len__(&self) -> PyResult<usize> {
        Ok(usize::try_from(self.count)?)
    }

    fn leaf<'py>(&self, py: Python<'py>, index: Narrow) -> PyResult<(Bound<'py, PyBytes>, u128)> {
        let leaf = self.ask(py, |tree| tree.leaf(index.0))?;
        Ok((PyBytes::new(py, &leaf.account), leaf.weight))
    }

    fn before(&self, py: Python<'_>, index: Narrow) -> PyResult<u128> {
        self.ask(py, |tree| tree.before(index.0))
    }

    fn proof<'py>(&self, py: Python<'py>, index: Narrow) -> PyResult<Bound<'py, PyBytes>> {
        let proof = self.ask(py, |tree| tree.proof(index.0))?;
        Ok(PyBytes::new(py, &proof))
    }

    fn run_proof<'py>(&self, py: Python<'py>, first: Narrow, length: Narrow) -> PyResult<Bound<'py, PyBytes>> {
        let proof = self.ask(py, |tree| tree.run_proof(first.0, length.0))?;
        Ok(PyBytes::new(py, &proof))
    }

    fn proofs<'py>(
        &self,
        py: Python<'py>,
        indices: Weights<'py>,
    ) -> PyResult<(Bound<'py, PyArray1<u8>>, Bound<'py, PyArray1<u64>>)> {
        let columns = self.columns(py);
        let (tree, indices) = (columns.tree()?, indices.as_slice()?);
        let tree = tree.map_err(|error| raise(py, error))?;
        let offsets = py.detach(|| tree.proof_offsets(indices)).map_err(|error| raise(py, error))?;
        let length = offsets.last().copied().unwrap_or_default();
        let proofs = py.import("numpy")?.call_method1("empty", (length, "uint8"))?.cast_into::<PyArray1<u8>>()?;
        {
            let mut out = proofs.readwrite();
            let out = out.as_slice_mut()?;
            py.detach(|| tree.proofs(indices, out)).map_err(|error| raise(py, error))?;
        }
        Ok((proofs, PyArray1::from_vec(py, offsets)))
    }

    #[pyo3(signature = (leg_income, *, closed, threads=1))]
    fn statements<'py>(
        &self,
        py: Python<'py>,
        leg_income: Narrow,
        closed: bool,
        threads: usize,
    ) -> PyResult<Bound<'py, PyArray1<u64>>> {
        let columns = self.columns(py);
        let statements = empty(py, self.__len__()?)?;
        let mut out = statements.readwrite();
        let (weights, out) = (columns.weights.as_slice()?, out.as_slice_mut()?);
        let shared = py.detach(|| shares::share(leg_income.0, weights, self.total, stage(closed), threads, out));
        shared.map_err(|error| raise(py, error))?;
        Ok(statements)
    }

    fn replaced(
        &self,
        py: Python<'_>,
        indices: Weights<'_>,
        accounts: Accounts<'_>,
        weights: Weights<'_>,
    ) -> PyResult<Self> {
        let (indices, new) = (indices.as_slice()?, weights.as_slice()?);
        let owners = rows(&accounts)?.map_err(|error| raise(py, error))?;
        for (what, length) in [("accounts", owners.len()), ("weights", new.len())] {
            if length != indices.len() {
                let (expected, actual) = (indices.len() as u64, length as u64);
                return Err(raise(py, Error::LengthMismatch { what, expected, actual }));
            }
        }
        let copy = |array: &Bound<'_, PyAny>| array.call_method0("copy").map(Bound::unbind);
        let accounts: Py<PyArray2<u8>> = copy(self.accounts.bind(py))?.extract(py)?;
        let weights: Py<PyArray1<u64>> = copy(self.weights.bind(py))?.extract(py)?;
        let nodes: Py<PyArray1<u64>> = copy(self.nodes.bind(py))?.extract(py)?;
        {
            let mut accounts = accounts.bind(py).readwrite();
            let mut weights = weights.bind(py).readwrite();
            let mut nodes = nodes.bind(py).readwrite();
            let (accounts, weights, nodes) =
                (accounts.as_slice_mut()?.as_chunks_mut().0, weights.as_slice_mut()?, nodes.as_slice_mut()?);
            let refreshed = py.detach(|| {
                for ((&index, &owner), &weight) in indices.iter().zip(owners).zip(new) {
                    let at = usize::try_from(index).ok().filter(|&at| at < weights.len());
                    let at = at.ok_or(Error::NoSuchLeaf { index, count: self.count })?;
                    (accounts[at], weights[at]) = (owner, weight);
                }
                Tree::refresh(accounts, &*weights, nodes, indices).map(|_| ())
            });
            refreshed.map_err(|error| raise(py, error))?;
        }
        Self::open(py, accounts, weights, nodes)
    }

    #[pyo3(signature = (*, threads=1, lanes=None))]
    fn audit(&self, py: Python<'_>, threads: usize, lanes: Option<&str>) -> PyResult<bool> {
        let plan = plan(threads, lanes)?;
        let columns = self.columns(py);
        let (tree, nodes) = (columns.tree()?, empty(py, columns.nodes.len())?);
        let mut nodes = nodes.readwrite();
        let nodes = nodes.as_slice_mut()?;
        let same = py.detach(|| tree.and_then(|tree| tree.audit(nodes, plan)));
        same.map_err(|error| raise(py, error))
    }
}

/// Writes words in the order of bytes that files have.
fn write_words(file: &mut File, words: &[u64]) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    for words in words.chunks(1 << 16) {
        bytes.clear();
        bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        file.write_all(&bytes)?;
    }
    Ok(())
}

/// What stops a register from being written.
enum Stopped {
    Refused(Error),
    Failed(std::io::Error),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<std::io::Error> for Stopped {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error)
    }
}

/// Maps what stopped the writing to its exception.
fn stopped(py: Python<'_>, stopped: Stopped) -> PyErr {
    match stopped {
        Stopped::Refused(error) => raise(py, error),
        Stopped::Failed(error) => error.into(),
    }
}

/// A file that is being written.
struct Writing {
    file: File,
    stream: Stream,
    layout: Layout,
}

impl Writing {
    fn append(&mut self, accounts: &[Account], weights: &[u64]) -> Result<(), Stopped> {
        let Self { file, stream, layout } = self;
        let length = stream.length();
        let mut write = |at: usize, words: &[u64]| write_at(file, layout.nodes.start + 8 * at, words);
        stream.push(accounts, weights, &mut write)?;
        write_at(file, layout.weights.start + 8 * length, weights)?;
        file.seek(SeekFrom::Start((layout.accounts.start + 20 * length) as u64))?;
        Ok(file.write_all(accounts.as_flattened())?)
    }

    fn finish(self) -> Result<(), Stopped> {
        let Self { mut file, stream, layout } = self;
        stream.finish(&mut |at: usize, words: &[u64]| write_at(&mut file, layout.nodes.start + 8 * at, words))?;
        // The header comes last: a file that was not finished is none.
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&layout.header())?;
        Ok(file.sync_all()?)
    }
}

fn write_at(file: &mut File, at: usize, words: &[u64]) -> Result<(), Stopped> {
    file.seek(SeekFrom::Start(at as u64))?;
    Ok(write_words(file, words)?)
}

#[pyclass(frozen, module = "pyo3_core")]
struct RegisterWriter {
    path: PathBuf,
    writing: Mutex<Option<Writing>>,
}

#[pymethods]
impl RegisterWriter {
    #[new]
    #[pyo3(signature = (path, count, *, threads=1, lanes=None))]
    fn new(py: Python<'_>, path: PathBuf, count: Narrow, threads: usize, lanes: Option<&str>) -> PyResult<Self> {
        let plan = plan(threads, lanes)?;
        let parts = Layout::new(count.0).and_then(|layout| Ok((Stream::new(count.0, plan)?, layout)));
        let (stream, layout) = parts.map_err(|error| raise(py, error))?;
        let file = File::create(&path)?;
        file.set_len(layout.accounts.end as u64)?;
        Ok(Self { path, writing: Mutex::new(Some(Writing { file, stream, layout })) })
    }

    fn append(&self, py: Python<'_>, accounts: Chunks<'_, u8, Ix2>, weights: Chunks<'_, u64, Ix1>) -> PyResult<()> {
        let (expected, actual) = (accounts.rows() as u64, weights.rows() as u64);
        if expected != actual {
            return Err(raise(py, Error::LengthMismatch { what: "weights", expected, actual }));
        }
        let owners = accounts.0.iter().map(|chunk| rows(chunk)?.map_err(|error| raise(py, error)));
        let owners = owners.collect::<PyResult<Vec<_>>>()?;
        let weights = weights.0.iter().map(Values::as_slice).collect::<PyResult<Vec<_>>>()?;
        let appended = py.detach(|| {
            let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
            writing.as_mut().map(|writing| pieces(&owners, &weights).try_for_each(|(a, w)| writing.append(a, w)))
        });
        appended.ok_or_else(finished)?.map_err(|error| stopped(py, error))
    }

    fn finish(&self, py: Python<'_>) -> PyResult<Register> {
        let done = py.detach(|| {
            let writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner).take();
            writing.map(Writing::finish)
        });
        done.ok_or_else(finished)?.map_err(|error| stopped(py, error))?;
        Register::map(py, &self.path)
    }
}

/// The rows of two columns of one length, whose chunks may end at different rows, in pieces that are whole in both.
fn pieces<'a>(owners: &[&'a [Account]], weights: &[&'a [u64]]) -> impl Iterator<Item = (&'a [Account], &'a [u64])> {
    let (mut owners, mut weights) = (owners.iter(), weights.iter());
    let (mut owner, mut weight): (&[Account], &[u64]) = (&[], &[]);
    std::iter::from_fn(move || {
        while owner.is_empty() {
            owner = owners.next()?;
        }
        while weight.is_empty() {
            weight = weights.next()?;
        }
        let rows = owner.len().min(weight.len());
        Some((owner.split_off(..rows)?, weight.split_off(..rows)?))
    })
}

fn finished() -> PyErr {
    PyValueError::new_err("the register is finished")
}

#[pyclass(frozen, module = "pyo3_core")]
struct Shard(Part);

#[pymethods]
impl Shard {
    #[new]
    #[pyo3(signature = (start, accounts, weights, *, threads=1, lanes=None))]
    fn new(
        py: Python<'_>,
        start: Narrow,
        accounts: Accounts<'_>,
        weights: Weights<'_>,
        threads: usize,
        lanes: Option<&str>,
    ) -> PyResult<Self> {
        let plan = plan(threads, lanes)?;
        let (accounts, weights) = (rows(&accounts)?, weights.as_slice()?);
        let part = py.detach(|| accounts.and_then(|accounts| Part::new(start.0, accounts, weights, plan)));
        Ok(Self(part.map_err(|error| raise(py, error))?))
    }

    fn merged(&self, py: Python<'_>, next: &Self) -> PyResult<Self> {
        Ok(Self(self.0.clone().merge(&next.0).map_err(|error| raise(py, error))?))
    }

    fn finish<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyBytes>, u128, u64)> {
        let (top, count) = self.0.finish().map_err(|error| raise(py, error))?;
        Ok((PyBytes::new(py, &top.hash), top.sum, count))
    }
}

#[pyclass(frozen, module = "pyo3_core")]
struct StandardTree(Standard);

#[pymethods]
impl StandardTree {
    #[new]
    #[pyo3(signature = (accounts, weights, *, lanes=None))]
    fn new(py: Python<'_>, accounts: Accounts<'_>, weights: Weights<'_>, lanes: Option<&str>) -> PyResult<Self> {
        let lanes = plan(1, lanes)?.lanes;
        let (accounts, weights) = (rows(&accounts)?, weights.as_slice()?);
        let tree = py.detach(|| accounts.and_then(|accounts| Standard::new(accounts, weights, lanes)));
        Ok(Self(tree.map_err(|error| raise(py, error))?))
    }

    #[getter]
    fn root<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.root())
    }

    fn __len__(&self) -> PyResult<usize> {
        Ok(usize::try_from(self.0.count())?)
    }

    fn proof<'py>(&self, py: Python<'py>, index: Narrow) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let proof = self.0.proof(index.0).map_err(|error| raise(py, error))?;
        Ok(proof.iter().map(|hash| PyBytes::new(py, hash)).collect())
    }
}

#[pyfunction]
fn verify_standard(py: Python<'_>, root: &[u8], account: &[u8], weight: Wide, proof: Vec<Vec<u8>>) -> PyResult<()> {
    let verified = fixed("root", root).and_then(|root| {
        for hash in &proof {
            fixed::<32>("proof", hash)?;
        }
        openzeppelin::verify_standard(&root, &fixed("account", account)?, weight.0, &proof.concat())
    });
    verified.map_err(|error| raise(py, error))
}

pub fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(lanes, module)?)?;
    module.add_function(wrap_pyfunction!(verify_standard, module)?)?;
    module.add_class::<Register>()?;
    module.add_class::<RegisterWriter>()?;
    module.add_class::<Shard>()?;
    module.add_class::<StandardTree>()
}
