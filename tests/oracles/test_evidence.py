"""RFC 6962 against the vectors of Certificate Transparency, and against tampering."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracles.errors import InvalidRequest, MissingFile
from oracles.evidence import (
    RawFile,
    evidence_root,
    inclusion_proof,
    leaf_hash,
    merkle_root,
    node_hash,
    read_raw,
    verify_inclusion,
)

ENTRIES = [
    bytes.fromhex(entry)
    for entry in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""Merkle tree hashes of the first 0 to 8 entries, from the test data of google/certificate-transparency."""

LISTS = st.lists(st.binary(max_size=40), min_size=1, max_size=40)


def test_two_pieces_of_evidence_cannot_have_one_name() -> None:
    with pytest.raises(InvalidRequest, match="one name"):
        evidence_root([RawFile("a.csv", b"1"), RawFile("a.csv", b"2")])


def test_there_is_no_proof_of_what_is_not_there() -> None:
    for index in (-1, 8):
        with pytest.raises(InvalidRequest):
            inclusion_proof(ENTRIES, index)


def test_a_file_that_cannot_be_read_is_named(tmp_path) -> None:
    with pytest.raises(MissingFile, match=r"gone\.csv"):
        read_raw(tmp_path / "gone.csv")


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_certificate_transparency(size: int) -> None:
    assert merkle_root(ENTRIES[:size]).hex() == ROOTS[size]


def test_a_node_cannot_be_shown_as_a_leaf() -> None:
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert leaf_hash(left + right) != node_hash(left, right)


def test_an_odd_leaf_is_not_duplicated() -> None:
    assert merkle_root([b"a", b"b", b"c"]) != merkle_root([b"a", b"b", b"c", b"c"])


@given(LISTS, st.data())
def test_every_entry_has_a_proof_that_holds_for_it_alone(entries: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(entries) - 1))
    proof, root, size = inclusion_proof(entries, index), merkle_root(entries), len(entries)
    assert verify_inclusion(entries[index], index=index, size=size, proof=proof, root=root)
    assert not verify_inclusion(entries[index] + b"!", index=index, size=size, proof=proof, root=root)
    assert not verify_inclusion(entries[index], index=index, size=size, proof=(*proof, root), root=root)
    assert not verify_inclusion(entries[index], index=size, size=size, proof=proof, root=root)
    if proof:
        assert not verify_inclusion(entries[index], index=index, size=size, proof=proof[:-1], root=root)
        assert not verify_inclusion(entries[index], index=index, size=size, proof=(bytes(32), *proof[1:]), root=root)


def test_the_root_of_files_depends_on_names_and_contents_and_not_on_their_order() -> None:
    one, other = RawFile("a.csv", b"1"), RawFile("b.csv", b"2")
    entries = [b"a.csv\x00" + hashlib.sha256(b"1").digest(), b"b.csv\x00" + hashlib.sha256(b"2").digest()]
    assert evidence_root([one, other]) == evidence_root([other, one]) == merkle_root(entries)
    assert evidence_root([RawFile("c.csv", b"1"), other]) != evidence_root([one, other])
    assert evidence_root([RawFile("a.csv", b"1 "), other]) != evidence_root([one, other])


def test_a_role_tells_files_of_one_name_apart(tmp_path) -> None:
    (tmp_path / "trees.csv").write_bytes(b"x")
    names = {read_raw(tmp_path / "trees.csv", role=role).name for role in ("first", "second")}
    assert names == {"first/trees.csv", "second/trees.csv"}
