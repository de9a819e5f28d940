//! The shared vectors of `tests/vectors`, which `tests/model.py` writes. Every case must hold as it is written, and must
//! fail when one byte of what it promises is changed.

use std::path::Path;

use gongsheng_core::keccak::keccak256;
use gongsheng_core::liens::{Lien, Pledges, divert, waterfall};
use gongsheng_core::register::Node;
use gongsheng_core::settle::net;
use gongsheng_core::{Account, Error, Leaf, Refusal, Register, Slice, Stage, allocate, shares, verify};
use serde_json::Value;

/// The cases of one `kind` in a file of vectors.
fn cases(file: &str, kind: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let vectors: Value = serde_json::from_str(&text).unwrap();
    let cases = vectors[kind].as_array().unwrap().clone();
    assert!(!cases.is_empty(), "{file} has no {kind}");
    cases
}

/// Checks that every case holds, and that it does not with one byte of any of its `promises` changed.
fn check(cases: &[Value], promises: &[&str], holds: impl Fn(&Value) -> bool) {
    for case in cases {
        assert!(holds(case), "{case} does not hold");
        for promise in promises {
            let mut changed = case.clone();
            change_one_byte(&mut changed[*promise]);
            assert!(!holds(&changed), "{changed} holds although {promise} was changed");
        }
    }
}

/// Changes the last byte of a value, or of the last value of a list; an empty byte string gets a byte.
fn change_one_byte(value: &mut Value) {
    match value {
        Value::Array(values) => match values.last_mut() {
            Some(last) => change_one_byte(last),
            None => values.push(Value::from("0")),
        },
        Value::String(text) if text == "0x" => text.push_str("00"),
        Value::String(text) => {
            let last = text.pop().unwrap();
            text.push(if last == '0' { '1' } else { '0' });
        }
        _ => panic!("{value} is not a text"),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a text"))
}

fn wide(value: &Value) -> u128 {
    text(value).parse().unwrap()
}

fn narrow(value: &Value) -> u64 {
    text(value).parse().unwrap()
}

fn list<T>(values: &Value, item: impl Fn(&Value) -> T) -> Vec<T> {
    values.as_array().unwrap().iter().map(item).collect()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(text(value).strip_prefix("0x").unwrap()).unwrap()
}

fn array<const N: usize>(value: &Value) -> [u8; N] {
    bytes(value).try_into().unwrap()
}

fn leaf(case: &Value) -> Leaf {
    Leaf { account: array(&case["account"]), weight: wide(&case["weight"]) }
}

/// The name that all languages give to a refusal.
fn name(error: &Error) -> String {
    format!("{error:?}").chars().take_while(char::is_ascii_alphanumeric).collect()
}

fn is_refused<T>(case: &Value, answer: Result<T, Error>) -> bool {
    answer.is_err_and(|error| name(&error) == text(&case["error"]))
}

#[test]
fn refused_slices_are_refused() {
    check(&cases("sharing.json", "refused"), &["error"], |case| {
        let [income, before, weight, total] =
            ["income", "before", "weight", "total"].map(|key| text(&case[key]).parse());
        match (income, before, weight, total) {
            (Ok(_), Ok(before), Ok(weight), Ok(total)) => is_refused(case, Slice::new(before, weight, total)),
            // What does not fit in a u128 never reaches the core.
            _ => text(&case["error"]) == "AmountTooLarge",
        }
    });
}

#[test]
fn open_slices_are_entitled_to_their_part_rounded_down() {
    check(&cases("sharing.json", "open"), &["entitled"], |case| {
        let slice = Slice::new(0, wide(&case["weight"]), wide(&case["total"])).unwrap();
        slice.entitled(wide(&case["income"]), Stage::Open) == wide(&case["entitled"])
    });
}

#[test]
fn closed_slices_are_entitled_to_what_lies_between_their_ends() {
    check(&cases("sharing.json", "closed"), &["entitled"], |case| {
        let slice = Slice::new(wide(&case["before"]), wide(&case["weight"]), wide(&case["total"])).unwrap();
        slice.entitled(wide(&case["income"]), Stage::Closed) == wide(&case["entitled"])
    });
}

#[test]
fn columns_are_shared_like_their_slices() {
    check(&cases("sharing.json", "columns"), &["open", "closed"], |case| {
        let (income, weights) = (narrow(&case["income"]), list(&case["weights"], narrow));
        shares(income, &weights, Stage::Open).unwrap() == list(&case["open"], narrow)
            && shares(income, &weights, Stage::Closed).unwrap() == list(&case["closed"], narrow)
    });
}

#[test]
fn legs_of_an_agreement_are_slices_of_its_basis_points() {
    check(&cases("sharing.json", "agreements"), &["open", "closed"], |case| {
        let (received, legs) = (wide(&case["received"]), list(&case["legs"], wide));
        let shared = |stage| {
            let mut before = 0;
            let entitled = legs.iter().map(|&bps| {
                let slice = Slice::new(before, bps, 10_000).unwrap();
                before += bps;
                slice.entitled(received, stage)
            });
            entitled.collect::<Vec<_>>()
        };
        shared(Stage::Open) == list(&case["open"], wide) && shared(Stage::Closed) == list(&case["closed"], wide)
    });
}

#[test]
fn holders_of_a_register_share_the_income_of_its_leg() {
    check(&cases("sharing.json", "registers"), &["open", "closed"], |case| {
        let legs = list(&case["legs"], narrow);
        let weights = list(&case["weights"], narrow);
        let accounts: Vec<Account> = (0..weights.len()).map(|_| [1; 20]).collect();
        let register = Register::new(&accounts, weights.as_slice()).unwrap();
        let leg: usize = text(&case["leg"]).parse().unwrap();
        let shared = |stage| {
            let income = shares(narrow(&case["received"]), &legs, stage).unwrap()[leg];
            register.statements(income, stage)
        };
        shared(Stage::Open) == list(&case["open"], narrow) && shared(Stage::Closed) == list(&case["closed"], narrow)
    });
}

#[test]
fn refused_claims_are_refused_for_their_reason() {
    check(&cases("register.json", "refused"), &["error", "reason", "value"], |case| {
        let presented = verify(
            &array(&case["root"]),
            narrow(&case["count"]),
            narrow(&case["index"]),
            &leaf(case),
            &bytes(&case["proof"]),
        );
        let Err(Error::ProofRefused(refusal)) = presented else { return false };
        let value = match refusal {
            Refusal::Count(value) | Refusal::Index(value) | Refusal::Length(value) => value.to_string(),
            Refusal::Sum(value) => value.to_string(),
            Refusal::Root(hash) => format!("0x{}", hex::encode(hash)),
        };
        refusal.reason() == text(&case["reason"]) && value == text(&case["value"]) && is_refused(case, presented)
    });
}

#[test]
fn refused_registers_are_refused() {
    check(&cases("register.json", "refused_registers"), &["error"], |case| {
        is_refused(case, Register::new(&list(&case["accounts"], array), list(&case["weights"], wide).as_slice()))
    });
}

#[test]
fn registers_have_the_root_and_the_total_of_their_leaves() {
    let promises = ["root", "total", "count", "accounts", "weights"];
    check(&cases("register.json", "registers"), &promises, |case| {
        let built = Register::new(&list(&case["accounts"], array), list(&case["weights"], wide).as_slice());
        built.is_ok_and(|register| {
            register.root() == array(&case["root"])
                && register.total() == wide(&case["total"])
                && register.count() == narrow(&case["count"])
        })
    });
}

#[test]
fn proofs_are_built_and_verified() {
    for case in cases("register.json", "registers") {
        let register = Register::new(&list(&case["accounts"], array), list(&case["weights"], wide).as_slice()).unwrap();
        let claims = list(&case["proofs"], |proof| {
            let index = text(&proof["index"]).parse::<usize>().unwrap();
            let mut claim = proof.clone();
            claim["account"] = case["accounts"][index].clone();
            claim["weight"] = case["weights"][index].clone();
            claim["root"] = case["root"].clone();
            claim["total"] = case["total"].clone();
            claim
        });
        check(&claims, &["index", "before", "proof"], |claim| {
            let index = narrow(&claim["index"]);
            register.leaf(index) == Ok(leaf(claim))
                && register.before(index) == Ok(wide(&claim["before"]))
                && register.proof(index) == Ok(bytes(&claim["proof"]))
        });
        let promises = ["index", "account", "weight", "before", "proof", "root", "total"];
        check(&claims, &promises, |claim| {
            let (root, index, proof) = (array(&claim["root"]), narrow(&claim["index"]), bytes(&claim["proof"]));
            verify(&root, narrow(&case["count"]), index, &leaf(claim), &proof).is_ok_and(|slice| {
                slice.before() == wide(&claim["before"])
                    && slice.weight() == wide(&claim["weight"])
                    && slice.total() == wide(&claim["total"])
            })
        });
    }
}

#[test]
fn texts_have_their_keccak256_hash() {
    check(&cases("hashes.json", "keccak256"), &["data", "hash"], |case| {
        keccak256(&bytes(&case["data"])) == array(&case["hash"])
    });
}

#[test]
fn leaves_have_their_hash() {
    check(&cases("hashes.json", "leaves"), &["account", "weight", "hash"], |case| {
        let node = leaf(case).node();
        node.hash == array(&case["hash"]) && node.sum == wide(&case["weight"])
    });
}

/// The two nodes of a case and how their parent is made.
fn parent(case: &Value) -> Result<Node, Error> {
    let left = Node { hash: array(&case["left"]), sum: wide(&case["left_sum"]) };
    let right = Node { hash: array(&case["right"]), sum: wide(&case["right_sum"]) };
    Node::parent(&left, &right)
}

#[test]
fn nodes_have_their_hash_and_sum() {
    let promises = ["left", "left_sum", "right", "right_sum", "hash", "sum"];
    check(&cases("hashes.json", "nodes"), &promises, |case| {
        parent(case) == Ok(Node { hash: array(&case["hash"]), sum: wide(&case["sum"]) })
    });
}

#[test]
fn nodes_whose_sum_does_not_fit_are_refused() {
    check(&cases("hashes.json", "refused"), &["error"], |case| is_refused(case, parent(case)));
}

#[test]
fn amounts_are_allocated_by_largest_remainder() {
    check(&cases("allocation.json", "allocations"), &["allocated"], |case| {
        allocate(narrow(&case["amount"]), &list(&case["weights"], narrow)).unwrap() == list(&case["allocated"], narrow)
    });
}

#[test]
fn refused_allocations_are_refused() {
    check(&cases("allocation.json", "refused"), &["error"], |case| {
        is_refused(case, allocate(narrow(&case["amount"]), &list(&case["weights"], narrow)))
    });
}

fn liens(case: &Value) -> Vec<Lien> {
    list(&case["liens"], |lien| Lien {
        bps: narrow(&lien["bps"]),
        due: wide(&lien["due"]),
        arrears: wide(&lien["arrears"]),
    })
}

#[test]
fn claims_are_divided_between_liens_and_holder() {
    check(&cases("liens.json", "diversions"), &["taken", "rest"], |case| {
        let diversion = divert(wide(&case["before"]), wide(&case["after"]), &liens(case)).unwrap();
        diversion.taken == list(&case["taken"], wide) && diversion.rest == wide(&case["rest"])
    });
}

#[test]
fn pools_are_served_rank_by_rank() {
    check(&cases("liens.json", "waterfalls"), &["taken", "rest"], |case| {
        let column = |key: &str| list(&case["pledges"], |pledge| narrow(&pledge[key]));
        let rank: Vec<u8> = column("rank").into_iter().map(|rank| u8::try_from(rank).unwrap()).collect();
        let pledges =
            Pledges { offsets: &[0, rank.len() as u64], rank: &rank, due: &column("due"), cap: &column("cap") };
        let (mut taken, mut rest) = (vec![0; rank.len()], [0]);
        waterfall(&[narrow(&case["available"])], pledges, &mut taken, &mut rest).unwrap();
        taken == list(&case["taken"], narrow) && rest == [narrow(&case["rest"])]
    });
}

#[test]
fn book_lines_are_netted_by_account() {
    check(&cases("sharing.json", "nets"), &["nets"], |case| {
        let account = list(&case["lines"], |line| text(&line["account"]).parse().unwrap());
        let amounts = list(&case["lines"], |line| text(&line["amount"]).parse().unwrap());
        let expected: Vec<i128> = list(&case["nets"], |net| text(net).parse().unwrap());
        let (mut low, mut high) = (vec![0; expected.len()], vec![0; expected.len()]);
        net(&account, &amounts, &mut low, &mut high).unwrap();
        let value = |(low, high): (u64, u64)| (u128::from(high) << 64 | u128::from(low)).cast_signed();
        low.into_iter().zip(high).map(value).collect::<Vec<_>>() == expected
    });
}

#[test]
fn refused_diversions_are_refused() {
    check(&cases("liens.json", "refused_diversions"), &["error"], |case| {
        match (text(&case["before"]).parse(), text(&case["after"]).parse()) {
            (Ok(before), Ok(after)) => is_refused(case, divert(before, after, &liens(case))),
            // What does not fit in a u128 never reaches the core.
            _ => text(&case["error"]) == "AmountTooLarge",
        }
    });
}
