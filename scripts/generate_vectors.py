"""Write ``tests/vectors/*.json`` from the executable specification, ``tests/model.py``.

The same vectors are read by the tests of every language. Run without arguments to write them, with ``--check`` to learn
whether they are what the specification says: the exit status is 1 if any file differs. Numbers are decimal strings,
because JSON readers round large ones, and bytes are hexadecimal strings. What looks random is hashed from a label, so
the files do not change unless a rule or this script changes.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import model  # noqa: E402 - the specification is found beside the tests.

DIRECTORY: Final = ROOT / "tests" / "vectors"

SHARING_RULE: Final = (
    "S1 open: floor(income*weight/total). "
    "S2 closed: floor(income*(before+weight)/total) - floor(income*before/total). "
    "S3 the legs of an agreement are slices of 10000 basis points in their order. "
    "S4 a holder of a register owns a slice of its leg: of the open leg while open, of the closed leg once "
    "closed. "
    "S7 the net of an account is the sum of its signed lines. "
    "A column holds all slices of one total in their order. "
    "What is refused here is refused closed, and also open if nothing is before it."
)
REGISTER_RULE: Final = (
    "R1 leaf = keccak256(0x00 ‖ account 20 ‖ weight 16), big endian. "
    "R2 node = keccak256(0x01 ‖ left 32 ‖ left sum 16 ‖ right 32 ‖ right sum 16), big endian. "
    "R3 the last node of an odd level is promoted unchanged. "
    "R4 a sum above 128 bits is refused. "
    "R5 a proof is the siblings from the leaf up, hash 32 ‖ sum 16 each, and none where the node is promoted; "
    "index and count decide the side of each sibling. Verifying a proof returns before and total. "
    "R6 the total is above zero, and no account is zero. "
    "R8 the proof of leaves beside each other is the nodes beside them from the leaves up, at each level the left one, "
    "then the right one. "
    "A refused claim carries what its reason names: count, index, length in bytes, sibling sum, or the root it "
    "leads to."
)
HASH_RULE: Final = (
    "keccak256 is Ethereum's. "
    "R1 leaf = keccak256(0x00 ‖ account 20 ‖ weight 16), big endian. "
    "R2 node = keccak256(0x01 ‖ left 32 ‖ left sum 16 ‖ right 32 ‖ right sum 16), big endian; its sum is the sum "
    "of both. "
    "R4 a sum above 128 bits is refused."
)
ALLOCATION_RULE: Final = (
    "A1 largest remainder: floor(amount*weight/total) for everyone, then the odd units, one each, to the largest "
    "remainders, ties to the lowest index."
)
LIEN_RULE: Final = (
    "L1 in a claim from before to after, a lien is offered floor(after*bps/10000) - floor(before*bps/10000) and "
    "takes what is due to it out of that. "
    "L12 as far as it is in arrears it also takes what the liens behind it are offered; what it leaves of its "
    "own offer is the holder's; all together take no more than the claim. "
    "L2 scaled interest adds up (principal*rate_bps + overdue principal*overdue_rate_bps)*seconds; in fen it is "
    "floor(scaled/(10000*31536000)) less what was paid. An instalment that has come bills the interest until then; "
    "after the last of all, all interest is billed. "
    "L3 arrears = costs + unpaid billed interest + unpaid instalments that have come; due = arrears + other interest. "
    "L11 repayments go to costs, billed interest, overdue principal, other interest, other principal. "
    "A step shows what is owed before its costs are charged and its repayment is made, and what follows after both. "
    "L10 in a waterfall a pledge asks for min(due, cap); ranks 0 to 7 are served in turn, in full while they fit, the "
    "first that does not in proportion to the asks (S2), those behind it with nothing. "
    "L4 free = 10000 - the fullest period of [first, last]."
)
COVENANT_RULE: Final = (
    "D9 lendable = max(0, value - 2*uncertainty). "
    "D10 a disputed value counts as the lower of value and previous; a stale one as floor(figure*stale_bps/10000). "
    "D11 short = debt*10000 > counts*maximum_ltv_bps. "
    "Flags are 0 or 1."
)

TIER_RULE: Final = (
    "T2 a receipt that takes the cumulative income from a to b gives the tier [begin, end) "
    "min(max(b, begin), end) - min(max(a, begin), end); the last tier has no end."
)
CREDIT_RULE: Final = (
    "C1 of a batch floor(value*buffer_bps/10000) kg are buffer. "
    "C2 serials of a project follow each other from 1. "
    "C6 a value above floor(yearly_maximum*seconds/31536000) is refused. "
    "C7 what is used up are the lowest tradable serials of the batch; serial_start is the first of them. "
    "C10 a loss comes out of the buffers, the newest batch first, the highest serials first. "
    "C11 what is left falls short, the newest batch first, of each at most what is outstanding or retired and not yet "
    "short; while a batch is short, its pool neither sells nor retires any of it. "
    "C12 the rest is the deficit, which the next batch takes over. "
    "C13 a shortfall is made good by cancelling credits of any batch of the project, and never beyond it. "
    "The pool sells to the buyer. Batches are numbered from 1. After each step: every batch, and the deficit."
)

U64: Final = 2**64 - 1
U128: Final = 2**128 - 1

Json = dict[str, Any]
Shown = str | list["Shown"] | dict[str, "Shown"]


def shown(value: object) -> Shown:
    """A value as it stands in a file."""
    match value:
        case int():
            return str(value)
        case bytes():
            return "0x" + value.hex()
        case str():
            return value
        case dict():
            return {key: shown(item) for key, item in value.items()}
        case list() | tuple():
            return [shown(item) for item in value]
    raise TypeError(f"cannot show {value!r}")


class Seed:
    """Numbers that look random and are the same everywhere: hashes of a label and a counter."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.drawn = 0

    def below(self, limit: int) -> int:
        """The next number below ``limit``."""
        self.drawn += 1
        return int.from_bytes(model.keccak256(f"{self.label} {self.drawn}".encode()), "big") % limit

    def account(self) -> bytes:
        """The next account."""
        return self.below(2**160).to_bytes(20, "big")


def refusal(rule: Callable[..., object], *case: object) -> model.Refused:
    """How ``rule`` refuses ``case``."""
    try:
        answer = rule(*case)
    except model.Refused as refused:
        return refused
    raise AssertionError(f"{answer!r} instead of a refusal")


def error_name(rule: Callable[..., object], *case: object) -> str:
    """The name under which every language refuses ``case``."""
    return type(refusal(rule, *case)).__name__


# SHARING


def sharing() -> Json:
    """S1 to S4."""
    seed = Seed("sharing")
    slices = [
        (0, 0, 1, 1),
        (1, 0, 1, 1),
        (1, 0, 0, 1),
        (100, 0, 1, 3),
        (100, 1, 1, 3),
        (100, 2, 1, 3),
        (800_000_000, 0, 2_000, 10_000),
        (800_000_000, 2_000, 8_000, 10_000),
        (123_456_789, 3_000, 4_000, 10_000),
        (123_456_789, 7_000, 3_000, 10_000),
        (U64, 0, 1, U64),
        (U64, U64 - 1, 1, U64),
        (U64, 1, U64 - 1, U64),
        (U64 - 1, 0, U64 - 1, U64),
        (U64, 0, U64 + 1, U64 + 2),
        (2**63, 2**63 - 1, 1, 2**63 + 1),
        (U128, 0, U128, U128),
        (U128, U128 - 1, 1, U128),
        (U128, 0, U128 - 1, U128),
        (U128 - 1, 1, U128 - 1, U128),
        (U128, 2**127, 2**127 - 1, U128),
        (1, U128 - 1, 1, U128),
        (1, 0, U128 - 1, U128),
    ]
    for bits in (8, 32, 63, 64, 65, 96, 127, 128):
        for _ in range(4):
            total = 1 + seed.below(2**bits - 1)
            before = seed.below(total)
            slices.append((seed.below(2**bits), before, seed.below(total - before + 1), total))

    columns = [
        (0, [1]),
        (1, [0, 0, 1, 0]),
        (1, [1, 1, 1]),
        (2, [1, 1, 1]),
        (100, [1, 1, 1]),
        (10, [0, 3, 0, 0, 7, 11, 0]),
        (U64, [1]),
        (U64, [U64]),
        (U64, [1, U64 - 1]),
        (U64, [U64, U64, U64]),
        (U64 - 1, [2**63, 2**62, 2**61, 1]),
        (123_456_789, [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000]),
        (987_654_321, [1 + seed.below(5_000_000) for _ in range(40)]),
        (U64 // 7, [seed.below(2**64) for _ in range(20)]),
    ]
    agreements = [
        (800_000_000, [2_000, 8_000]),
        (123_456_789, [3_000, 4_000, 3_000]),
        (123_456_789, [6_000, 4_000]),
        (99, [3_000, 7_000]),
        (1, [3_334, 3_333, 3_333]),
        (2, [10_000]),
        (7, [0, 9_999, 1]),
        (U128, [3_000, 4_000, 3_000]),
    ]
    registers = [
        (123_456_789, [3_000, 4_000, 3_000], 1, [81, 0, 1_200, 7, 399]),
        (123_456_789, [3_000, 4_000, 3_000], 2, [1, 1, 1, 1, 1, 1, 1]),
        (800_000_000, [2_000, 8_000], 1, [1 + seed.below(900_000) for _ in range(12)]),
        (5, [3_000, 4_000, 3_000], 0, [2, 3]),
        (U64, [3_333, 3_333, 3_334], 2, [seed.below(2**60) for _ in range(5)]),
    ]
    refused = [
        (1, 0, 0, 0),
        (0, 0, 0, 0),
        (1, 0, 1, 0),
        (1, 0, 2, 1),
        (1, 1, 1, 1),
        (1, 2, 0, 1),
        (1, U128, 1, U128),
        (1, 0, U128, U128 - 1),
        (U128 + 1, 0, 1, 1),
        (1, U128 + 1, 0, U128),
        (1, 0, U128 + 1, U128),
        (1, 0, 1, U128 + 1),
    ]
    books = [
        (1, []),
        (2, [(0, 5), (1, -5)]),
        (3, [(2, 2**63 - 1), (2, 2**63 - 1), (2, 2**63 - 1), (0, -(2**63)), (0, -(2**63)), (0, -1)]),
        (2, [(0, 2**63 - 1), (0, 1), (0, -(2**63)), (1, -1), (1, 1)]),
        (7, [(seed.below(7), seed.below(2**64) - 2**63) for _ in range(40)]),
    ]
    refused_legs = [[], [10_001], [9_999], [3_000, 4_000, 2_999], [3_000, 4_000, 3_001], [10_000, 10_000]]
    return {
        "rule": SHARING_RULE,
        "open": [
            {"income": income, "weight": weight, "total": total, "entitled": model.entitled_open(income, weight, total)}
            for income, _, weight, total in slices
        ],
        "closed": [
            {
                "income": income,
                "before": before,
                "weight": weight,
                "total": total,
                "entitled": model.entitled_closed(income, before, weight, total),
            }
            for income, before, weight, total in slices
        ],
        "columns": [
            {
                "income": income,
                "weights": weights,
                "open": [model.entitled_open(income, weight, sum(weights)) for weight in weights],
                "closed": [
                    model.entitled_closed(income, end - weight, weight, sum(weights))
                    for weight, end in zip(weights, accumulate(weights), strict=True)
                ],
            }
            for income, weights in columns
        ],
        "agreements": [
            {
                "received": received,
                "legs": legs,
                "open": [model.leg_income(received, legs, leg, closed=False) for leg in range(len(legs))],
                "closed": [model.leg_income(received, legs, leg, closed=True) for leg in range(len(legs))],
            }
            for received, legs in agreements
        ],
        "registers": [
            {
                "received": received,
                "legs": legs,
                "leg": leg,
                "weights": weights,
                "open": [
                    model.holder_income(received, legs, leg, weights, holder, closed=False)
                    for holder in range(len(weights))
                ],
                "closed": [
                    model.holder_income(received, legs, leg, weights, holder, closed=True)
                    for holder in range(len(weights))
                ],
            }
            for received, legs, leg, weights in registers
        ],
        "refused": [
            {
                "income": income,
                "before": before,
                "weight": weight,
                "total": total,
                "error": error_name(model.entitled_closed, income, before, weight, total),
            }
            for income, before, weight, total in refused
        ],
        "nets": [
            {
                "lines": [{"account": account, "amount": amount} for account, amount in lines],
                "nets": model.net(lines, accounts),
            }
            for accounts, lines in books
        ],
        "refused_legs": [{"legs": legs, "error": error_name(model.require_whole, legs)} for legs in refused_legs],
    }


# REGISTERS


def build(leaves: Iterable[tuple[bytes, int]]) -> model.Register:
    """The register of ``(account, weight)`` in their order."""
    return model.Register([model.Leaf(account, weight) for account, weight in leaves])


def register_of(seed: Seed, weights: Iterable[int]) -> model.Register:
    """A register of accounts that nobody has the keys of."""
    return build((seed.account(), weight) for weight in weights)


def claim(register: model.Register, index: int) -> Json:
    """A leaf and its proof as they are presented to whoever pays."""
    leaf = register.leaves[index]
    return {
        "root": register.root,
        "count": len(register.leaves),
        "index": index,
        "account": leaf.account,
        "weight": leaf.weight,
        "proof": register.proof(index),
    }


def refused_claim(why: str, presented: Json, **changed: object) -> Json:
    """A claim with something wrong, and how it is refused."""
    presented = presented | changed
    leaf = model.Leaf(presented["account"], presented["weight"])
    refused = refusal(model.verify, presented["root"], presented["count"], presented["index"], leaf, presented["proof"])
    assert isinstance(refused, model.ProofRefused), why
    return {"why": why, **presented, "error": type(refused).__name__, "reason": refused.reason, "value": refused.value}


def refused_claims(seed: Seed) -> list[Json]:
    """Every way to present a proof that shows nothing."""
    register = register_of(seed, [5, 0, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43])
    twin = register_of(seed, [5, 0, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43])
    single = register_of(seed, [12])
    heaviest = register_of(seed, [U128, 0])
    third = claim(register, 2)
    last = claim(register, 12)
    account = third["account"]
    proof = third["proof"]
    inner = register.levels[1][1]

    return [
        refused_claim("a proof that is one byte short", third, proof=proof[:-1]),
        refused_claim("a proof that is one byte long", third, proof=proof + b"\0"),
        refused_claim("a proof without its first step", third, proof=proof[48:]),
        refused_claim("a proof without its last step", third, proof=proof[:-48]),
        refused_claim("a proof with a step too many", third, proof=proof + proof[-48:]),
        refused_claim("no proof at all", third, proof=b""),
        refused_claim("a step for a promoted leaf, as if it were duplicated", last, proof=last["proof"][:48] * 3),
        refused_claim("a proof for a register of one leaf", claim(single, 0), proof=proof[:48]),
        refused_claim("the index of the neighbour", third, index=3),
        refused_claim("an index with the same length of proof", third, index=6),
        refused_claim("the index just behind the last leaf", last, index=13),
        refused_claim("an index far behind the last leaf", last, index=U64),
        refused_claim("a count of none", third, count=0),
        refused_claim("a count above the limit", third, count=2**63 + 1),
        refused_claim("a count that is one less", last, count=12),
        refused_claim("a count that is one more", last, count=14),
        refused_claim("a count of one", third, count=1, index=0),
        refused_claim("a weight that is one more", third, weight=8),
        refused_claim("a weight that is one less", third, weight=6),
        refused_claim("a weight of nothing", third, weight=0),
        refused_claim("a weight for a leaf that has none", claim(register, 1), weight=1),
        refused_claim("the account of another leaf", third, account=register.leaves[3].account),
        refused_claim("an account that differs in one bit", third, account=bytes([account[0] ^ 1]) + account[1:]),
        refused_claim("the zero account", third, account=bytes(20)),
        refused_claim("a leaf of another register with its own proof", claim(twin, 2), root=register.root),
        refused_claim("the proof of another register", third, proof=twin.proof(2)),
        refused_claim("the proof of another leaf", third, proof=register.proof(6)),
        refused_claim("a sibling hash with one bit changed", third, proof=bytes([proof[0] ^ 0x80]) + proof[1:]),
        refused_claim(
            "a sibling sum with one bit changed", third, proof=proof[:47] + bytes([proof[47] ^ 1]) + proof[48:]
        ),
        refused_claim("two steps in the wrong order", third, proof=proof[48:96] + proof[:48] + proof[96:]),
        refused_claim("a sum above 128 bits on the right", claim(heaviest, 1), weight=1),
        refused_claim("a sum above 128 bits on the left", third, proof=proof[:32] + b"\xff" * 16 + proof[48:]),
        refused_claim(
            "an inner node presented as a leaf of a smaller register",
            third,
            count=7,
            index=1,
            account=inner.hash[12:],
            weight=inner.sum,
            proof=proof[48:],
        ),
        refused_claim(
            "the root presented as the only leaf",
            third,
            count=1,
            index=0,
            account=register.root[12:],
            weight=register.total,
            proof=b"",
        ),
    ]


def neighbours(register: model.Register, first: int, length: int) -> Json:
    """Leaves that stand beside each other and their proof as they are presented to whoever pays."""
    leaves = register.leaves[first : first + length]
    return {
        "root": register.root,
        "count": len(register.leaves),
        "first": first,
        "accounts": [leaf.account for leaf in leaves],
        "weights": [leaf.weight for leaf in leaves],
        "proof": register.run_proof(first, length),
    }


def refused_neighbours(seed: Seed) -> list[Json]:
    """Ways to present neighbours with a proof that shows nothing."""
    register = register_of(seed, [5, 0, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43])
    shown = neighbours(register, 3, 4)
    tail = neighbours(register, 11, 2)
    heavy = neighbours(register_of(seed, [1, U128 - 9, 3]), 1, 1)
    proof = shown["proof"]
    as_long = [first for first in range(10) if first != 3 and len(register.run_proof(first, 4)) == len(proof)]
    cases: list[tuple[str, Json, Json]] = [
        ("a proof that is one byte short", shown, {"proof": proof[:-1]}),
        ("a proof with a step too many", shown, {"proof": proof + proof[-48:]}),
        ("no proof at all", shown, {"proof": b""}),
        ("nobody", shown, {"accounts": [], "weights": []}),
        ("a leaf less", shown, {"accounts": shown["accounts"][:-1], "weights": shown["weights"][:-1]}),
        ("from one place further on", shown, {"first": 4}),
        ("from another place with as long a proof", shown, {"first": as_long[0]}),
        ("two of them exchanged", shown, {"accounts": shown["accounts"][::-1], "weights": shown["weights"][::-1]}),
        ("a unit moved to the neighbour", shown, {"weights": [12, 12, *shown["weights"][2:]]}),
        ("an account of somebody else", shown, {"accounts": [seed.account(), *shown["accounts"][1:]]}),
        ("a leaf behind the last", tail, {"first": 12}),
        ("from far behind the last leaf", tail, {"first": U64}),
        ("a count of none", shown, {"count": 0}),
        ("a count that is one less", tail, {"count": 12}),
        ("a weight and a sibling above 128 bits", heavy, {"weights": [U128]}),
        ("weights above 128 bits together", shown, {"weights": [U128, 1, *shown["weights"][2:]]}),
        ("a sibling's sum above 128 bits", shown, {"proof": proof[:32] + U128.to_bytes(16, "big") + proof[48:]}),
        ("a hash beside them with one bit changed", shown, {"proof": bytes([proof[0] ^ 1]) + proof[1:]}),
        ("another register's root", shown, {"root": heavy["root"]}),
    ]
    refused: list[Json] = []
    for why, case, changed in cases:
        each = case | changed
        leaves = [model.Leaf(*leaf) for leaf in zip(each["accounts"], each["weights"], strict=True)]
        error = refusal(model.verify_run, each["root"], each["count"], each["first"], leaves, each["proof"])
        assert isinstance(error, model.ProofRefused), why
        refused.append(
            {"why": why, **each, "error": type(error).__name__, "reason": error.reason, "value": error.value}
        )
    return refused


def registers() -> Json:
    """R1 to R6, R8."""
    seed = Seed("register")
    heavy = [seed.below(2**62) for _ in range(2)]
    columns: list[Sequence[int]] = [
        [1],
        [U64],
        [U128],
        [3, 0],
        [U128 - 5, 5],
        [0, 0, 1],
        [U64 - 3, 1, 2],
        [10, 20, 30, 40],
        [0, 8_000, 0, 1_234, 0],
        [7, 7, 7, 7, 7, 7, 7],
        [2**127 - 1, 2**126, 2**125, 1, 0, 2**124, 3],
        [1, 2, 4, 8, 16, 32, 64, 128],
        [heavy[0], *(seed.below(1_000) for _ in range(11)), heavy[1]],
        [seed.below(5_000_000) for _ in range(100)],
    ]
    built = [register_of(seed, weights) for weights in columns]
    household = built[7].leaves[0].account
    twice = build([(household, 4), (seed.account(), 1), (household, 5)])
    built.append(twice)

    def proofs(register: model.Register) -> list[Json]:
        count = len(register.leaves)
        indices = range(count) if count <= 13 else (0, 1, 31, 32, 63, 64, 95, 96, 98, 99)
        return [{"index": index, "before": register.before(index), "proof": register.proof(index)} for index in indices]

    runs = [
        (number, register, first, length)
        for number, register in enumerate(built)
        for first in (range(len(register.leaves)) if len(register.leaves) <= 8 else (0, 1, 6, 9, 12))
        for length in range(1, len(register.leaves) - first + 1)
        if len(register.leaves) <= 8 or length in {1, 2, 3, 31, 50, len(register.leaves) - first}
    ]
    unbuildable = [
        ("no leaves", []),
        ("a single leaf without weight", [(seed.account(), 0)]),
        ("leaves without weight", [(seed.account(), 0) for _ in range(3)]),
        ("the zero account", [(seed.account(), 1), (bytes(20), 1)]),
        ("two weights above 128 bits", [(seed.account(), U128), (seed.account(), 1)]),
        ("a total above 128 bits", [(seed.account(), 2**126) for _ in range(4)]),
        ("a promoted leaf that makes the total overflow", [(seed.account(), weight) for weight in (U128 - 1, 1, 1)]),
    ]
    return {
        "rule": REGISTER_RULE,
        "registers": [
            {
                "accounts": [leaf.account for leaf in register.leaves],
                "weights": [leaf.weight for leaf in register.leaves],
                "count": len(register.leaves),
                "root": register.root,
                "total": register.total,
                "proofs": proofs(register),
            }
            for register in built
        ],
        "runs": [
            {
                "register": number,
                "first": first,
                "length": length,
                "before": register.before(first),
                "proof": register.run_proof(first, length),
            }
            for number, register, first, length in runs
        ],
        "refused_runs": refused_neighbours(Seed("neighbours")),
        "refused": refused_claims(seed),
        "refused_registers": [
            {
                "why": why,
                "accounts": [account for account, _ in leaves],
                "weights": [weight for _, weight in leaves],
                "error": error_name(build, leaves),
            }
            for why, leaves in unbuildable
        ],
    }


# HASHES


def hashes() -> Json:
    """R1 and R2, and the hash function below them."""
    seed = Seed("hashes")
    account = seed.account()
    leaves = [model.Leaf(owner, weight) for owner in (account, b"\xff" * 20) for weight in (0, 1, U64, U64 + 1, U128)]
    pairs = [
        (model.leaf_node(leaves[left]), model.leaf_node(leaves[right]))
        for left, right in [(0, 1), (1, 0), (1, 1), (2, 3), (0, 4), (4, 0)]
    ]
    pairs.append((model.Node(bytes(32), 0), model.Node(b"\xff" * 32, U128)))
    refused_pairs = [
        (model.leaf_node(leaves[4]), model.leaf_node(leaves[1])),
        (model.leaf_node(leaves[1]), model.leaf_node(leaves[4])),
        (model.Node(bytes(32), 2**127), model.Node(bytes(32), 2**127)),
    ]

    def both(left: model.Node, right: model.Node) -> Json:
        return {"left": left.hash, "left_sum": left.sum, "right": right.hash, "right_sum": right.sum}

    return {
        "rule": HASH_RULE,
        "keccak256": [
            {"data": data, "hash": model.keccak256(data)}
            for data in (
                b"",
                b"\0",
                b"abc",
                "共生账本".encode(),
                *(bytes(index % 256 for index in range(length)) for length in (37, 97, 134, 135, 136, 137, 272)),
            )
        ],
        "leaves": [
            {"account": leaf.account, "weight": leaf.weight, "hash": model.leaf_node(leaf).hash} for leaf in leaves
        ],
        "nodes": [
            {
                **both(left, right),
                "hash": model.parent_node(left, right).hash,
                "sum": model.parent_node(left, right).sum,
            }
            for left, right in pairs
        ],
        "refused": [
            {**both(left, right), "error": error_name(model.parent_node, left, right)} for left, right in refused_pairs
        ],
    }


# ALLOCATION


def allocation() -> Json:
    """A1."""
    seed = Seed("allocation")
    cases = [
        (0, [1]),
        (0, [1, 2]),
        (1, [1]),
        (1, [1, 1]),
        (1, [0, 1, 1]),
        (2, [1, 1, 1]),
        (10, [1, 1, 1]),
        (10, [3, 3, 3, 1]),
        (3, [1, 2, 1]),
        (7, [0, 0, 5, 0]),
        (100, [15, 15, 15, 15, 40]),
        (1_000, [333, 333, 334]),
        (5, [10, 30, 60]),
        (U64, [1, 1, 1]),
        (U64, [U64, U64, U64, U64]),
        (U64, [U64, 1]),
        (1, [U64 - 1, U64]),
        (123_456, [1 + seed.below(90_000) for _ in range(30)]),
        (17, [1 + seed.below(90_000) for _ in range(30)]),
        (U64 // 3, [seed.below(2**64) for _ in range(12)]),
    ]
    refused = [(0, []), (1, []), (1, [0]), (0, [0, 0])]
    return {
        "rule": ALLOCATION_RULE,
        "allocations": [
            {"amount": amount, "weights": weights, "allocated": model.allocate(amount, weights)}
            for amount, weights in cases
        ],
        "refused": [
            {
                "amount": amount,
                "weights": weights,
                "error": error_name(model.allocate, amount, weights),
            }
            for amount, weights in refused
        ],
    }


# LIENS


def loan_history(
    principal: int,
    rate_bps: int,
    start: int,
    instalments: Sequence[tuple[int, int]],
    repayments: Sequence[tuple[int, int] | tuple[int, int, int]],
    overdue_rate_bps: int = 0,
) -> Json:
    """A loan from its beginning through its repayments (at, amount), or (at, amount, costs charged just before)."""
    loan = model.Loan(
        principal, rate_bps, tuple(model.Instalment(*each) for each in instalments), start, overdue_rate_bps
    )
    steps: list[Json] = []
    for at, amount, *charged in repayments:
        owed = model.parts(loan, at)
        step: Json = {
            "at": at,
            "interest": model.interest(model.accrue(loan, at)),
            "arrears": owed.arrears,
            "due": owed.due,
            "debt": owed.total,
            "charged": sum(charged),
            "repaid": amount,
        }
        loan = model.repay(model.charge(loan, sum(charged), at), amount, at)
        step |= {
            "accrued_scaled": loan.accrued_scaled,
            "billed": loan.billed,
            "interest_paid": loan.interest_paid,
            "principal_repaid": loan.principal_repaid,
            "costs": loan.costs,
            "arrears_since": loan.arrears_since,
        }
        steps.append(step)
    return {
        "principal": principal,
        "rate_bps": rate_bps,
        "overdue_rate_bps": overdue_rate_bps,
        "start": start,
        "instalments": [{"due_at": due_at, "amount": amount} for due_at, amount in instalments],
        "steps": steps,
    }


def liens() -> Json:
    """L1 to L4, L10 to L12."""
    seed = Seed("liens")
    plain: list[tuple[int, int, list[tuple[int, int]]]] = [
        (0, 100, []),
        (0, 0, [(6_000, 100)]),
        (100, 100, [(6_000, 100)]),
        (0, 1, [(6_000, 100)]),
        (1, 2, [(6_000, 100)]),
        (0, 100, [(6_000, 100)]),
        (0, 100, [(6_000, 59)]),
        (0, 100, [(6_000, 0)]),
        (0, 100, [(10_000, U128)]),
        (0, 101, [(0, 100), (1, 100), (9_999, 100)]),
        (1, 2, [(5_000, 10), (5_000, 10)]),
        (7, 8, [(5_000, 10), (2_500, 10), (2_500, 10)]),
        (0, 1_000_000, [(3_000, 250_000), (3_000, U128), (4_000, 100)]),
        (U128 - 1, U128, [(5_000, 1), (5_000, 1)]),
        (0, U128, [(3_333, U128), (6_667, U128)]),
        (U64, U128, [(2_000, 5), (8_000, U128)]),
    ]
    for _ in range(12):
        before = seed.below(10**9)
        bps = [seed.below(10_000 // 4 + 1) for _ in range(1 + seed.below(4))]
        plain.append((before, before + seed.below(10**6), [(each, seed.below(300_000)) for each in bps]))
    # Nobody in arrears; all of what is due in arrears; a part of it.
    diversions: list[tuple[int, int, list[tuple[int, int, int]]]] = []
    for number, (before, after, queue_) in enumerate(plain):
        diversions.append((before, after, [(each, owing, 0) for each, owing in queue_]))
        # A lien on nothing is never committed, and has no arrears.
        if all(each for each, _ in queue_):
            diversions.append((before, after, [(each, owing, owing // (1 + number % 3)) for each, owing in queue_]))
    diversions += [
        (0, 100, [(1_000, 50, 50), (2_000, 30, 0), (7_000, 100, 100)]),
        (0, 100, [(1_000, 50, 20), (2_000, 30, 0), (7_000, 100, 100)]),
        (0, 100, [(1_000, U128, U128), (2_000, 30, 30), (3_000, 1, 0)]),
        (0, 10_000, [(1_250, 900 * (1 + rank % 3), 450 * (rank % 2)) for rank in range(8)]),
    ]
    pools: list[tuple[int, list[tuple[int, int, int]]]] = [
        (0, []),
        (7, []),
        (0, [(0, 5, 5)]),
        (100, [(0, 60, U64), (1, 60, U64), (2, 60, U64)]),
        (100, [(2, 60, U64), (1, 60, U64), (0, 60, U64)]),
        (100, [(0, 100, 30), (0, 100, 30), (7, 100, 39)]),
        (100, [(3, 1, 1), (3, 1, 1), (3, 0, 1), (3, 98, 98), (4, 1, 1)]),
        (2, [(0, 1, 1), (0, 1, 1), (0, 1, 1)]),
        (10, [(5, 7, 7), (5, 0, 9), (5, 11, 11), (6, 1, 1)]),
        (U64, [(0, U64, U64), (0, U64, U64), (1, 1, 1)]),
        (U64, [(0, U64 - 1, U64), (1, U64, U64), (1, U64, U64), (7, 3, 3)]),
    ]
    for _ in range(12):
        queue = [(seed.below(8), seed.below(10_000), seed.below(12_000)) for _ in range(1 + seed.below(20))]
        pools.append((seed.below(60_000), queue))
    refused: list[tuple[int, int, list[tuple[int, int, int]]]] = [
        (1, 0, []),
        (U128, 0, [(6_000, 1, 1)]),
        (0, 1, [(10_001, 1, 1)]),
        (0, 1, [(6_000, 1, 1), (4_001, 1, 1)]),
        (0, U128 + 1, []),
    ]

    day = 86_400
    year = 365 * day
    start = 1_735_689_600
    loans = [
        loan_history(10_000_000, 435, start, [(start + year, 10_000_000)], [(start, 0), (start + 1, 0)]),
        loan_history(
            10_000_000,
            435,
            start,
            [(start + 90 * day, 2_500_000), (start + 180 * day, 2_500_000), (start + year, 5_000_000)],
            [
                (start + 90 * day - 1, 0),
                (start + 90 * day, 1_000_000),
                (start + 100 * day, 5),
                (start + 180 * day, 4_000_000),
                (start + year, 5_266_000),
                (start + 2 * year, 0),
            ],
        ),
        loan_history(1, 1, start, [(start, 1)], [(start + 9_999 * year, 0), (start + 10_000 * year, 2)]),
        loan_history(500_000, 0, start, [(start + day, 500_000)], [(start + day - 1, 100), (start + day, 499_900)]),
        loan_history(500_000, 365, start, [(start + day, 900_000)], [(start + day, 1), (start + 2 * day, 50)]),
        # Overdue principal bears more; costs are paid first; arrears end, begin again, and stay.
        loan_history(
            10_000_000,
            435,
            start,
            [(start + 90 * day, 2_500_000), (start + 180 * day, 2_500_000), (start + year, 5_000_000)],
            [
                (start + 100 * day, 0),
                (start + 120 * day, 50_000, 30_000),
                (start + 130 * day, 100_000),
                (start + 130 * day, 2_500_000),
                (start + 140 * day, 20_000),
                (start + 200 * day, 1),
                (start + year + day, 3_000_000, 7),
                (start + 2 * year, 4_000_000),
            ],
            overdue_rate_bps=200,
        ),
        # Interest is due with an instalment of no principal; one from before the loan is due at once.
        loan_history(
            1_000_000,
            1_000,
            start,
            [(start - day, 0), (start + 30 * day, 0), (start + 60 * day, 1_000_000)],
            [
                (start, 0),
                (start + 30 * day, 0),
                (start + 31 * day, 8_219),
                (start + 31 * day, 300),
                (start + 61 * day, 0),
            ],
            overdue_rate_bps=10_000,
        ),
        loan_history(
            U64,
            65_535,
            start,
            [(start + i * day, U64 // 40 + (U64 % 40 if i == 1 else 0)) for i in range(1, 41)],
            [(start + 20 * day, 10**15), (start + 41 * day, 10**18, U64), (start + 400 * day, U64)],
            overdue_rate_bps=65_535,
        ),
    ]
    lines: list[tuple[list[tuple[int, int, int]], int, int]] = [
        ([], 660, 671),
        ([(6_000, 660, 671)], 660, 671),
        ([(6_000, 660, 671)], 672, 683),
        ([(6_000, 660, 671)], 671, 671),
        ([(6_000, 660, 671)], 648, 660),
        ([(6_000, 660, 671), (3_000, 666, 677)], 660, 683),
        ([(6_000, 660, 665), (3_000, 666, 677)], 660, 683),
        ([(6_000, 660, 671), (4_000, 671, 680)], 671, 671),
        ([(2_500, 660, 671), (2_500, 660, 671), (2_500, 650, 660), (2_500, 671, 690)], 661, 670),
    ]
    refused_lines: list[tuple[list[tuple[int, int, int]], int, int]] = [
        ([], 671, 660),
        ([(6_000, 671, 660)], 660, 671),
        ([(6_000, 660, 671), (4_001, 671, 680)], 660, 680),
    ]

    def diversion(before: int, after: int, queue: list[tuple[int, int, int]]) -> Json:
        keys = ("bps", "due", "arrears")
        return {"before": before, "after": after, "liens": [dict(zip(keys, lien, strict=True)) for lien in queue]}

    def line(held: list[tuple[int, int, int]], first: int, last: int) -> Json:
        return {
            "liens": [{"bps": bps, "first": begins, "last": ends} for bps, begins, ends in held],
            "first": first,
            "last": last,
        }

    return {
        "rule": LIEN_RULE,
        "diversions": [
            diversion(*case) | dict(zip(("taken", "rest"), model.divert(*case), strict=True)) for case in diversions
        ],
        "waterfalls": [
            {
                "available": available,
                "pledges": [dict(zip(("rank", "due", "cap"), each, strict=True)) for each in queue],
            }
            | dict(zip(("taken", "rest"), model.waterfall(available, queue), strict=True))
            for available, queue in pools
        ],
        "refused_diversions": [diversion(*case) | {"error": error_name(model.divert, *case)} for case in refused],
        "loans": loans,
        "free": [
            line(held, first, last) | {"free_bps": model.free_bps(held, first, last)} for held, first, last in lines
        ],
        "refused_free": [line(*case) | {"error": error_name(model.free_bps, *case)} for case in refused_lines],
    }


def covenants() -> Json:
    """D9 to D11."""
    seed = Seed("covenants")
    largest = 2**127 - 1
    figures = [
        *((0, 0), (-1, 0), (-1, U128), (1, 0), (1, 1), (2, 1), (3, 1), (100, 49), (100, 50), (100, 51)),
        *((-(2**127), 0), (largest, 0), (largest, 2**126 - 1), (largest, 2**126), (largest, U128)),
    ]
    figures += [(seed.below(10**9) - 10**8, seed.below(4 * 10**8)) for _ in range(12)]
    # Value, value before, disputed, stale, what counts when stale, largest debt in basis points, debt.
    cases = [
        (0, 0, 0, 0, 10_000, 10_000, 0),
        (0, 0, 0, 0, 10_000, 10_000, 1),
        (100, 50, 0, 0, 5_000, 6_000, 60),
        (100, 50, 0, 0, 5_000, 6_000, 61),
        (100, 50, 1, 0, 5_000, 6_000, 30),
        (100, 50, 1, 0, 5_000, 6_000, 31),
        (50, 100, 1, 0, 5_000, 6_000, 30),
        (101, 0, 0, 1, 5_000, 10_000, 50),
        (101, 0, 0, 1, 5_000, 10_000, 51),
        (101, 3, 1, 1, 5_000, 10_000, 1),
        (101, 3, 1, 1, 5_000, 10_000, 2),
        (101, 3, 0, 1, 0, 10_000, 0),
        (101, 3, 0, 1, 0, 10_000, 1),
        (9_999, 0, 0, 1, 1, 1, 0),
        (10_000, 0, 0, 1, 1, 1, 0),
        (largest, largest, 1, 1, 10_000, 10_000, largest),
        (largest, largest, 0, 1, 9_999, 1, U64),
    ]
    for _ in range(24):
        value = seed.below(10**9)
        flags = (seed.below(2), seed.below(2))
        cases.append((value, seed.below(10**9), *flags, seed.below(10_001), 1 + seed.below(10_000), seed.below(value)))
    names = ("value", "previous", "disputed", "stale", "stale_bps", "maximum_ltv_bps", "debt")
    standings: list[Json] = []
    for case in cases:
        value, previous, disputed, stale, stale_bps, maximum_ltv_bps, debt = case
        counted = model.counts(value, previous, stale_bps, disputed=bool(disputed), stale=bool(stale))
        short = model.is_short(counted, maximum_ltv_bps, debt)
        standings.append(dict(zip(names, case, strict=True)) | {"counts": counted, "short": int(short)})
    return {
        "rule": COVENANT_RULE,
        "figures": [
            {"value": value, "uncertainty": doubt, "lendable": model.lendable(value, doubt)} for value, doubt in figures
        ],
        "standings": standings,
    }


# TIERS


def tiers() -> Json:
    """T2."""
    seed = Seed("tiers")
    bounds = [0, 5_000_000, 10_000_000]
    cases: list[tuple[int, int, list[int]]] = [
        *((0, amount, bounds) for amount in (1, 4_999_999, 5_000_000, 5_000_001, 10_000_000, 10_000_001, U64)),
        *((4_999_999, amount, bounds) for amount in (1, 2, 5_000_001, 5_000_002)),
        (10_000_000, 1, bounds),
        (1, U64 - 1, bounds),
        (0, 7, [0]),
        (6, U64 - 6, [0]),
        (0, 10, [0, 1, 2, 3, 4, 5, 6, 7]),
        (3, 3, [0, 1, 2, 3, 4, 5, 6, 7]),
        (0, U64, [0, U64]),
        (0, U64, [0, U64 - 1]),
        (1, 1, [0, U128]),
    ]
    for _ in range(24):
        ascending = sorted({1 + seed.below(1_000) for _ in range(seed.below(8))})
        cases.append((seed.below(1_200), 1 + seed.below(1_200), [0, *ascending]))
    return {
        "rule": TIER_RULE,
        "receipts": [
            {"cumulative": before, "amount": amount, "bounds": each, "parts": model.tier_parts(before, amount, each)}
            for before, amount, each in cases
        ],
    }


# CREDITS


class CreditHistory:
    """What happens to a project's credits, step by step, and what each step leaves behind."""

    def __init__(self, buffer_bps: int, yearly_maximum: int) -> None:
        self.project = model.CarbonProject(buffer_bps, yearly_maximum)
        self.held: dict[tuple[str, int], int] = {}
        self.month = 0
        self.steps: list[Json] = []

    def batch(self, number: int) -> model.CreditBatch:
        return self.project.batches[number - 1]

    def measured(self, value: int) -> Json:
        """The next month, from its first second to the one after its last, and what it brought."""
        self.month += 1
        start, end = (
            int(datetime(1990 + month // 12, month % 12 + 1, 1, tzinfo=UTC).timestamp())
            for month in (self.month, self.month + 1)
        )
        return {"start": start, "end": end, "value": value}

    def issue(self, value: int) -> None:
        facts = self.measured(value)
        try:
            issued = self.project.issue(value, facts["end"] - facts["start"])
        except model.Implausible as refused:
            self.add({"act": "issue", **facts, "error": type(refused).__name__, "maximum": refused.maximum})
            return
        number = len(self.project.batches)
        self.held |= {("pool", number): issued.count(model.TRADABLE), ("buyer", number): 0}
        self.add({"act": "issue", **facts, "serial_start": issued.first})

    def reverse(self, value: int) -> None:
        self.project.reverse(value)
        self.add({"act": "reverse", **self.measured(value)})

    def sell(self, number: int, quantity: int) -> None:
        self.held["pool", number] -= quantity
        self.held["buyer", number] += quantity
        self.add({"act": "sell", "batch": number, "quantity": quantity})

    def use_up(self, act: str, by: str, number: int, quantity: int) -> None:
        first = self.batch(number).use_up(quantity, {"retire": model.RETIRED, "cancel": model.CANCELLED}[act])
        self.held[by, number] -= quantity
        self.add({"act": act, "by": by, "batch": number, "quantity": quantity, "serial_start": first})

    def make_good(self, by: str, number: int, source: int, quantity: int) -> None:
        facts = {"act": "make_good", "by": by, "batch": number, "source": source, "quantity": quantity}
        try:
            first = self.project.make_good(self.batch(number), self.batch(source), quantity)
        except model.AboveShortfall as refused:
            self.add(facts | {"error": type(refused).__name__, "shortfall": refused.shortfall})
            return
        self.held[by, source] -= quantity
        self.add(facts | {"serial_start": first})

    def add(self, step: Json) -> None:
        states = (model.TRADABLE, model.BUFFER, model.RETIRED, model.CANCELLED, model.REVERSED)
        batches = [
            {state: batch.count(state) for state in states}
            | {"shortfall": batch.shortfall, "made_good": batch.made_good}
            for batch in self.project.batches
        ]
        self.steps.append(step | {"batches": batches, "deficit": self.project.deficit})

    def shown(self) -> Json:
        facts = {"buffer_bps": self.project.buffer_bps, "yearly_maximum": self.project.yearly_maximum}
        return facts | {"steps": self.steps}


def credit_histories() -> Json:
    """C1, C2 and C6 to C13."""
    plain = CreditHistory(1_500, 1_000_000)
    plain.issue(1)
    plain.issue(6)
    plain.issue(7)
    plain.sell(3, 5)
    plain.use_up("retire", "buyer", 3, 2)
    plain.use_up("cancel", "pool", 3, 1)
    plain.use_up("retire", "buyer", 3, 3)
    plain.use_up("retire", "pool", 2, 6)

    # The most that 28 and 30 days may bring of 1,000 kg a year, and a kilogram too much for 31.
    bounded = CreditHistory(0, 1_000)
    bounded.issue(76)
    bounded.issue(85)
    bounded.issue(82)

    lossy = CreditHistory(2_000, 1_000_000)
    lossy.issue(100)
    lossy.issue(50)
    lossy.sell(1, 60)
    lossy.sell(2, 30)
    lossy.reverse(10)
    lossy.reverse(19)
    lossy.reverse(2)
    lossy.use_up("retire", "buyer", 2, 20)
    lossy.make_good("buyer", 2, 1, 2)
    lossy.make_good("buyer", 2, 1, 1)
    lossy.make_good("buyer", 2, 1, 1)
    lossy.reverse(500)
    lossy.issue(40)
    lossy.issue(400)
    lossy.make_good("pool", 1, 4, 79)
    lossy.make_good("pool", 1, 4, 1)
    return {"rule": CREDIT_RULE, "histories": [history.shown() for history in (plain, bounded, lossy)]}


VECTORS: Final[dict[str, Callable[[], Json]]] = {
    "sharing.json": sharing,
    "register.json": registers,
    "hashes.json": hashes,
    "allocation.json": allocation,
    "liens.json": liens,
    "covenants.json": covenants,
    "tiers.json": tiers,
    "credits.json": credit_histories,
}


def rendered() -> dict[str, str]:
    """Every file by name."""
    return {
        name: json.dumps(shown(vectors()), ensure_ascii=False, indent=1) + "\n" for name, vectors in VECTORS.items()
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the vectors, or say which are stale."""
    parser = argparse.ArgumentParser(description="Write the shared test vectors from the executable specification.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a file differs")
    parser.add_argument("--directory", type=Path, default=DIRECTORY, help="where the files are (default: %(default)s)")
    options = parser.parse_args(arguments)
    directory: Path = options.directory

    stale = [
        (directory / name, text)
        for name, text in rendered().items()
        if not (directory / name).exists() or (directory / name).read_text(encoding="utf-8") != text
    ]
    for path, text in stale:
        if options.check:
            print(f"{path.name} is not what the specification says", file=sys.stderr)
        else:
            path.write_text(text, encoding="utf-8")
            print(f"{path.name} written", file=sys.stderr)
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
