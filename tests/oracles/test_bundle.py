"""Bundles: what is not one, then that a report can be computed again, and led back to a line of a file."""

import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracles.bundle import Job, LineProof, lines_of, make_job, pack, prove_line, reproduce, run, unpack
from oracles.errors import InvalidBundle, InvalidRequest
from oracles.evidence import RawFile, inclusion_proof, merkle_root, root_of_proof
from oracles.quality import Flag
from oracles.sources.synthetic import write_county
from oracles.supply import repeat_a_slip, write_slips

SETTINGS = {"subject": "pool-1", "period_start": 1_593_561_600, "period_end": 1_751_328_000}


@pytest.fixture(scope="module")
def county_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small generated county."""
    accounts = [f"0x{number:040x}" for number in range(1, 61)]
    county = write_county(tmp_path_factory.mktemp("county"), seed=5, accounts=accounts, parcels=80, plots=60)
    return {
        "first_trees": county.first_trees,
        "second_trees": county.second_trees,
        "strata": county.strata,
        "parcels": county.parcels,
        "holders": county.holders,
        "canopy": county.canopy,
    }


@pytest.fixture(scope="module")
def carbon(county_files: dict[str, Path]) -> Job:
    return make_job("carbon", SETTINGS, county_files)


@pytest.fixture(scope="module")
def archive(carbon: Job) -> bytes:
    return pack(carbon)


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("astrology", SETTINGS, "no such computation"),
        ("carbon", {"subject": "x"}, "needs the setting period_start"),
        ("carbon", {**SETTINGS, "seed": 1}, "has no setting seed"),
        ("carbon", {**SETTINGS, "period_start": "2020"}, "应为整数，不是 '2020'"),
        ("carbon", {**SETTINGS, "leakage_kg": True}, "must be a whole number, not True"),
    ],
)
def test_a_job_that_cannot_be_done_is_refused(
    county_files: dict[str, Path], kind: str, settings: dict[str, str | int], message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        make_job(kind, settings, county_files)


def test_a_job_without_a_file_it_needs_or_with_one_it_does_not_is_refused(county_files: dict[str, Path]) -> None:
    with pytest.raises(InvalidRequest, match="needs the file strata"):
        make_job("carbon", SETTINGS, {role: path for role, path in county_files.items() if role != "strata"})
    with pytest.raises(InvalidRequest, match="has no file diary"):
        make_job("carbon", SETTINGS, {**county_files, "diary": county_files["strata"]})


def test_the_same_job_gives_the_same_archive_byte_for_byte(county_files: dict[str, Path], archive: bytes) -> None:
    reordered = dict(reversed(county_files.items()))
    assert pack(make_job("carbon", dict(reversed(SETTINGS.items())), reordered)) == archive


def test_unpacking_gives_the_job_back(carbon: Job, archive: bytes) -> None:
    assert unpack(archive) == carbon


@pytest.mark.parametrize("damage", ["cut", "flip", "append", "empty", "text"])
def test_a_damaged_archive_is_refused(archive: bytes, damage: str) -> None:
    middle = len(archive) // 2
    damaged = {
        "cut": archive[:middle],
        "flip": archive[:middle] + bytes([archive[middle] ^ 1]) + archive[middle + 1 :],
        "append": archive + b"x" * 512,
        "empty": b"",
        "text": b"plot_id,stratum\n" * 100,
    }[damage]
    with pytest.raises(InvalidBundle):
        unpack(damaged)


@pytest.mark.parametrize("name", ["../first_trees.csv", "first_trees/../../x", "/etc/x", "second_trees/x.csv"])
def test_an_archive_whose_files_lie_elsewhere_is_not_computed(carbon: Job, name: str) -> None:
    files = {**carbon.files, "first_trees": RawFile(name, carbon.files["first_trees"].content)}
    with pytest.raises((InvalidBundle, InvalidRequest)):
        reproduce(pack(replace(carbon, files=files)))


def test_a_link_in_an_archive_is_refused() -> None:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        entry = tarfile.TarInfo("job.json")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(entry)
    with pytest.raises(InvalidBundle, match="no plain file"):
        unpack(target.getvalue())


def test_a_bundle_computed_again_has_the_identical_digest(carbon: Job) -> None:
    result, archive = run(carbon)
    assert result.value > 0
    assert result.share_count == 60
    again = reproduce(archive)
    assert again == result
    assert again.digest == result.digest


def test_the_hash_of_the_archive_is_under_the_evidence_root_and_so_is_every_cell(carbon: Job) -> None:
    result, _ = run(carbon)
    content = carbon.files["first_trees"].content
    changed = replace(
        carbon,
        files={**carbon.files, "first_trees": RawFile("first_trees/trees-2020.csv", content + b"\n")},
    )
    assert run(changed)[0].evidence_root != result.evidence_root
    assert run(changed)[0].value == result.value
    with_setting = replace(carbon, settings={**carbon.settings, "leakage_kg": 0})
    assert run(with_setting)[0].evidence_root != result.evidence_root


def test_the_cross_check_shares_the_evidence_but_has_no_register(county_files: dict[str, Path]) -> None:
    result, _ = run(make_job("carbon-cross-check", SETTINGS, county_files))
    assert (result.share_count, result.share_root) == (0, bytes(32))
    assert result.value > 0


def test_supply_weights_are_computed_again_too(tmp_path: Path) -> None:
    accounts = [f"0x{number:040x}" for number in range(1, 53)]
    files = write_slips(tmp_path, seed=3, accounts=accounts)
    for kind in ("delivered", "processed"):
        result, archive = run(make_job(kind, {"subject": "tea"}, {"slips": files.slips, "holders": files.holders}))
        assert reproduce(archive) == result


def test_slips_entered_twice_refuse_the_report_or_set_their_bit_as_the_policy_says(tmp_path: Path) -> None:
    files = write_slips(tmp_path, seed=3, accounts=[f"0x{number:040x}" for number in range(1, 53)])
    repeat_a_slip(files)
    given, policy = {"slips": files.slips, "holders": files.holders}, tmp_path / "policy.toml"
    told, _ = run(make_job("delivered", {"subject": "tea"}, given))
    assert (told.qc_flags, told.refusal) == (Flag.DUPLICATE, None)
    policy.write_text('refuse = ["duplicate"]\n', encoding="utf-8")
    refused, archive = run(make_job("delivered", {"subject": "tea"}, {**given, "policy": policy}))
    assert refused.refusal is not None
    assert "除单号外完全相同的单据" in refused.refusal
    assert refused.qc_flags == Flag.DUPLICATE
    assert refused.evidence_root != told.evidence_root, "the policy is evidence"
    assert reproduce(archive) == refused
    processed, _ = run(make_job("processed", {"subject": "tea"}, {**given, "policy": policy}))
    assert (processed.qc_flags, processed.refusal) == (0, None)


def test_a_line_of_a_file_is_proved_to_be_in_the_report(carbon: Job) -> None:
    result, archive = run(carbon)
    proof = prove_line(archive, "second_trees/trees-2025.csv", 17)
    assert proof.content == carbon.files["second_trees"].content.split(b"\n")[16]
    assert proof.holds(result.evidence_root)
    assert LineProof.from_json(proof.to_json(), name="p") == proof
    for wrong in (
        replace(proof, content=proof.content + b"9"),
        replace(proof, line=18),
        replace(proof, file="first_trees/trees-2020.csv"),
        replace(proof, index=proof.index - 1),
        replace(proof, lines_proof=proof.lines_proof[:-1]),
        replace(proof, entries_proof=(*proof.entries_proof, bytes(32))),
    ):
        assert not wrong.holds(result.evidence_root)
    assert not proof.holds(bytes(32))


def test_a_line_that_is_not_there_cannot_be_proved(archive: bytes) -> None:
    with pytest.raises(InvalidRequest, match="no line 0"):
        prove_line(archive, "strata/strata.csv", 0)
    with pytest.raises(InvalidRequest, match="no line 6"):
        prove_line(archive, "strata/strata.csv", 6)
    with pytest.raises(InvalidRequest, match="no file"):
        prove_line(archive, "diary.csv", 1)


@pytest.mark.parametrize("text", ["", "[]", '{"file": "x"}', '{"content_hex": "zz"}'])
def test_something_else_is_not_a_proof(text: str) -> None:
    with pytest.raises(InvalidBundle):
        LineProof.from_json(text, name="p")


@pytest.mark.parametrize(
    ("content", "lines"),
    [(b"a\nb\n", [b"a", b"b"]), (b"a\r\nb", [b"a", b"b"]), (b"\n", [b""]), (b"", []), (b"a\n\nb", [b"a", b"", b"b"])],
)
def test_lines_are_those_of_an_editor(content: bytes, lines: list[bytes]) -> None:
    assert lines_of(content) == lines


@given(st.lists(st.binary(max_size=4), min_size=1, max_size=40), st.data())
def test_every_proof_leads_to_the_root(entries: list[bytes], data) -> None:
    index = data.draw(st.integers(0, len(entries) - 1))
    proof = inclusion_proof(entries, index)
    assert root_of_proof(entries[index], index=index, size=len(entries), proof=proof) == merkle_root(entries)
