"""The HTTP service."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from ledger_service.api.app import app_from_environment, create_app
from ledger_service.chain.client import Chain, connect
from ledger_service.chain.events import Appraised, Covenant, CovenantAgreed, Emitted, record_of
from ledger_service.domain.books import Block, EventId
from ledger_service.indexer import sync
from ledger_service.settlement import RegisterFolder

NOBODY = "0x" + "12" * 20


class Service:
    """Asks an app as a client over HTTP would."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def get(self, path: str, **parameters: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
                return await client.get(path, params=parameters or None)

        return asyncio.run(ask())

    def answer(self, path: str, **parameters: Any) -> Any:
        response = self.get(path, **parameters)
        assert response.status_code == 200, response.text
        return response.json()


@pytest.fixture
def service(county, books) -> Service:
    return Service(create_app(county.chain, books, county.registers))


def numbers(value: Any, path: str = "") -> Iterator[str]:
    """Where an answer holds bare numbers."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from numbers(each, f"{path}.{key}")
    elif isinstance(value, list):
        for each in value:
            yield from numbers(each, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path.rpartition(".")[2]


# ERRORS


@pytest.mark.parametrize(
    ("path", "status", "title"),
    [
        ("/agreements/no-such-rule", 404, "AgreementUnknown"),
        ("/batches/2", 404, "BatchUnknown"),
        ("/batches/0", 422, "RequestInvalid"),
        ("/certificates/3", 404, "CertificateUnknown"),
        ("/certificates/0", 422, "RequestInvalid"),
        ("/batches/one", 422, "RequestInvalid"),
        ("/batches?limit=0", 422, "RequestInvalid"),
        ("/batches?limit=1001", 422, "RequestInvalid"),
        ("/agreements?offset=-1", 422, "RequestInvalid"),
        ("/holders/0x12/statement", 422, "NotAnAddress"),
        ("/holders/0xD2103535bfc62bC5DBa62524872E489438507A7c/statement", 422, "NotAnAddress"),
        (f"/pledges/0x{'00' * 32}", 404, "PledgeUnknown"),
        ("/pledges/0x12", 422, "RequestInvalid"),
        ("/data-assets/DEX-2026-000009", 404, "DataAssetUnknown"),
        (f"/data-assets/{'9' * 40}", 422, "NotAnIdentifier"),
        ("/nowhere", 404, "NotFound"),
    ],
)
def test_what_cannot_be_answered_is_a_problem_in_both_languages(
    service: Service, path: str, status: int, title: str
) -> None:
    response = service.get(path)
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert (response.status_code, problem["status"], problem["title"]) == (status, status, title)
    assert not problem["detail"].isascii()


@pytest.mark.parametrize(
    ("path", "zh", "en"),
    [
        ("/batches/one", "path.number “one” 应为整数", "must be a whole number"),
        ("/batches/0", "path.number “0” 不得小于 1", "must not be below 1"),
        ("/batches?limit=1001", "query.limit “1001” 不得大于 1000", "must not be above 1000"),
        ("/pledges/0x12", "path.pledge “0x12” 应符合 ^0x[0-9a-fA-F]{64}$", "must match"),
        (f"/batches?limit={'9' * 100}x", f"query.limit “{'9' * 79}…” 应为整数", "must be a whole number"),
        ("/nowhere", "服务没有 GET /nowhere；所有请求见 /docs", "/docs lists what can be asked"),
    ],
)
def test_a_wrong_request_is_told_what_was_wrong_with_it(service: Service, path: str, zh: str, en: str) -> None:
    said_zh, _, said_en = service.get(path).json()["detail"].partition(" · ")
    assert zh in said_zh
    assert en in said_en


def test_a_missing_register_is_our_problem_and_names_no_file(county, books, tmp_path) -> None:
    service = Service(create_app(county.chain, books, RegisterFolder(tmp_path / "secret-folder")))
    response = service.get(f"/holders/{county.cooperative.address}/statement")
    assert (response.status_code, response.json()["title"]) == (503, "RegisterMissing")
    assert "secret-folder" not in response.text


def test_a_node_that_does_not_answer_is_our_problem(county, books) -> None:
    chain = Chain(connect(county.chain.w3.provider.endpoint_uri), county.chain.deployment)
    chain.w3.provider.endpoint_uri = "http://127.0.0.1:9"
    service = Service(create_app(chain, books, county.registers))
    response = service.get("/health")
    assert (response.status_code, response.json()["title"]) == (503, "ChainUnreachable")
    assert "127.0.0.1" not in response.text
    assert service.get("/batches").status_code == 200


def test_a_database_that_does_not_answer_is_our_problem(county, books) -> None:
    service = Service(create_app(county.chain, books, county.registers))
    with closing(sqlite3.connect(county.folder / "books.sqlite")) as connection:
        connection.execute("DROP TABLE posting")
    response = service.get(f"/holders/{NOBODY}/statement")
    assert (response.status_code, response.json()["title"]) == (503, "BooksUnusable")
    assert "sqlite" not in response.text


# ANSWERS


def test_health_says_whether_the_books_keep_up(county, books, service: Service) -> None:
    deployment = county.chain.deployment
    health = service.answer("/health")
    assert (health["status"], health["blocks_behind"]) == ("ok", 0)
    assert health["chain_head"] == health["indexed_head"]
    assert (health["chain_id"], health["genesis_hash"]) == (deployment.chain_id, deployment.genesis_hash)
    assert health["contracts"] == dict(deployment.contracts)
    county.wait(1)
    health = service.answer("/health")
    assert (health["status"], health["blocks_behind"]) == ("behind", 1)
    sync(county.chain, books)
    assert service.answer("/health")["status"] == "ok"


def test_health_of_empty_books_has_no_indexed_head(county) -> None:
    with county.open_books("empty") as books:
        health = Service(create_app(county.chain, books, county.registers)).answer("/health")
    assert (health["status"], health["indexed_head"]) == ("behind", None)


def test_agreements_are_listed_in_pages(service: Service) -> None:
    page = service.answer("/agreements", limit=1, offset=1)
    assert (page["total"], page["limit"], page["offset"]) == (2, 1, 1)
    (agreement,) = page["items"]
    assert (agreement["key"], agreement["name"]["zh"], agreement["name"]["en"]) == (
        "one-product",
        "一品辐射",
        "One product",
    )
    assert [leg["share"]["bps"] for leg in agreement["latest"]["legs"]] == [3_000, 4_000, 3_000]
    assert service.answer("/agreements", offset=5)["items"] == []


def test_an_agreement_shows_versions_legs_and_income(county, service: Service) -> None:
    answer = service.answer("/agreements/carbon-pool")
    ((fund, register),) = (version["legs"] for version in answer["versions"])
    assert (fund["kind"], fund["account"], fund["purpose"]) == ("fund", county.city.address, "core-area-maintenance")
    assert (register["kind"], register["feed"], register["subject"]) == ("register", "carbon-kg", "pool-1")
    assert (register["account"], register["purpose"], fund["feed"]) == (None, None, None)
    (income,) = answer["income"]
    assert (income["period"], income["is_closed"]) == ("2018-12", True)
    assert income["received"] == {"fen": "80000004", "text": "¥800,000.04"}
    assert [leg["income"]["fen"] for leg in income["legs"]] == ["16000000", "64000004"]
    assert [leg["unpaid"]["fen"] for leg in income["legs"]] == ["16000000", "0"]
    assert [leg["holders"] for leg in income["legs"]] == [None, 5]
    (open_income,) = service.answer("/agreements/one-product")["income"]
    assert (open_income["held_back"]["fen"], open_income["is_closed"]) == ("2", False)


def test_a_batch_shows_who_holds_and_who_measured_it(county, service: Service) -> None:
    (listed,) = service.answer("/batches")["items"]
    answer = service.answer("/batches/1")
    assert answer["batch"] == listed
    assert (listed["issued"]["text"], listed["buffered"]["kg"]) == ("1,123.458 tCO2e", "112345")
    assert (listed["serials"], listed["project"]) == ("1-1123458", "project-1")
    held = {each["account"]: int(each["credits"]["kg"]) for each in answer["holdings"]}
    assert held[county.buyer.address] == 1_234 - 600
    sheet = {term: int(each["kg"]) for term, each in answer["sheet"].items()}
    assert sum(held.values()) == sheet["tradable"] + sheet["buffer"]
    parts = ("tradable", "buffer", "retired", "cancelled", "reversed")
    assert sum(sheet[part] for part in parts) == sheet["issued"] == 1_123_458
    assert (sheet["retired"], sheet["cancelled"], sheet["reversed"]) == (566, 10_034, 112_345)
    assert (sheet["shortfall"], sheet["made_good"]) == (1_011_079, 10_000)
    assert {each["account"]: each["group"] for each in answer["signers"]} == {
        reporter.address: group for reporter, group in county.reporters
    }


def test_a_certificate_shows_what_was_used_and_the_way_back_to_the_raw_data(county, service: Service) -> None:
    answer = service.answer("/certificates/2")
    assert (answer["holder"], answer["project"], answer["batch"]) == (county.buyer.address, "project-1", 1)
    assert (answer["credits"]["text"], answer["serials"], answer["purpose"]) == ("0.066 tCO2e", "535-600", "=1+1")
    assert (answer["use_start"], answer["use_end"]) == ("1514764800", "1546300800")
    titles = [step["title"]["en"] for step in answer["path"]]
    assert titles == [
        "retirement certificate",
        "batch of credits",
        "monitoring round",
        *["signed report"] * len(county.reporters),
        "raw data",
    ]
    assert all(step["title"]["zh"] and step["facts"] for step in answer["path"])


def test_a_statement_lets_a_holder_claim_alone(county, service: Service) -> None:
    county.receive(county.suppliers.pot, 700, "SALE-4")
    answer = service.answer(f"/holders/{county.cooperative.address.lower()}/statement")
    assert answer["holder"] == county.cooperative.address
    earning = next(each for each in answer["earnings"] if (each["agreement"], each["leg"]) == ("one-product", 1))
    leaf = earning["leaf"]
    line = (earning["agreement"].encode().ljust(32, b"\0"), earning["version"], county.suppliers.pot.period.value, 1)
    place = (leaf["index"], answer["holder"], int(leaf["weight"]))
    county.send(county.of("Revenue").claim(line, place, leaf["proof"]), county.cooperative)


def test_a_statement_shows_earnings_redemptions_and_movements_in_pages(county, service: Service) -> None:
    path = f"/holders/{county.holders[3].address}/statement"
    answer = service.answer(path, limit=2)
    (earning,) = answer["earnings"]
    assert (earning["entitled"], earning["unpaid"]["fen"]) == ({"fen": "7032972", "text": "¥70,329.72"}, "0")
    (redemption,) = answer["redemptions"]
    assert (redemption["state"], redemption["state_text"]["zh"]) == ("returned", "退回")
    newest, older = answer["movements"]["items"]
    assert (newest["account"], newest["amount"], newest["event"]) == ("voucher", "7032972", "Transfer")
    assert (older["account"], older["amount"]) == ("voucher", "-7032972")
    everything = service.answer(path)["movements"]
    assert everything["total"] == len(everything["items"]) == answer["movements"]["total"]
    assert service.answer(path, limit=2, offset=2)["movements"]["items"] == everything["items"][2:4]
    vouchers = sum(int(each["amount"]) for each in everything["items"] if each["account"] == "voucher")
    assert str(vouchers) == answer["vouchers"]["fen"]


def test_somebody_unknown_has_an_empty_statement(service: Service) -> None:
    answer = service.answer(f"/holders/{NOBODY}/statement")
    assert (answer["vouchers"]["fen"], answer["earnings"], answer["movements"]["total"]) == ("0", [], 0)


def test_a_pledge_shows_terms_debt_and_repayments(county, service: Service) -> None:
    (identifier,) = service.answer(f"/holders/{county.cooperative.address}/statement")["pledges"]
    answer = service.answer(f"/pledges/{identifier}", limit=2)
    assert (answer["holder"], answer["lender"]) == (county.cooperative.address, county.bank.address)
    assert (answer["agreement"], answer["leg"]) == ("carbon-pool", 1)
    assert (answer["from_period"], answer["to_period"], answer["share"]["text"]) == ("2018-12", "2019-12", "60 %")
    assert (answer["rank"], answer["state"], answer["state_text"]["zh"]) == (1, "active", "生效")
    assert (answer["annual_rate"]["text"], answer["registration"]["number"]) == ("4.35 %", "REG-1")
    assert answer["debt"]["principal"]["fen"] == "14107260"
    assert (answer["repayments"]["total"], len(answer["repayments"]["items"])) == (3, 2)
    assert sum(int(each["principal"]["fen"]) for each in answer["schedule"]) == 30_000_000
    assert service.answer(f"/pledges/{identifier.upper().replace('X', 'x')}")["pledge"] == identifier


def test_data_assets_are_listed_in_pages(county, books, service: Service) -> None:
    assert service.answer("/data-assets")["items"] == []
    county.register_asset("DEX-2026-000001", versions=2, licences=("LIC-1",))
    county.register_asset("DEX-2026-000002", versions=0)
    sync(county.chain, books)
    page = service.answer("/data-assets", limit=1, offset=1)
    assert (page["total"], [each["certificate"] for each in page["items"]]) == (2, ["DEX-2026-000002"])
    assert page["items"][0]["newest_version"] is None
    (first,) = service.answer("/data-assets", limit=1)["items"]
    assert (first["steward"], first["agreement"], first["leg"]) == (county.city.address, "data-exchange", 1)
    assert (first["newest_version"]["number"], first["licences"]) == (2, 1)


def test_a_data_asset_shows_versions_and_licences(county, books, service: Service) -> None:
    county.register_asset("DEX-2026-000001", versions=3, licences=("LIC-1", "LIC-2"), ended=("LIC-1",))
    sync(county.chain, books)
    answer = service.answer("/data-assets/DEX-2026-000001", limit=2)
    assert answer["covenant"] is None
    assert (answer["versions"]["total"], [each["number"] for each in answer["versions"]["items"]]) == (3, [3, 2])
    assert (answer["versions"]["items"][0]["records"], answer["versions"]["items"][0]["quality_round"]) == (
        "1000",
        None,
    )
    second, first = answer["licences"]["items"]
    assert (first["licence"], first["ended_by"]) == ("LIC-1", county.buyer.address)
    assert (second["fee"]["text"], second["purpose"], second["ended_by"]) == ("¥5,000.00", "research", None)
    in_hex = "0x" + b"DEX-2026-000001".ljust(32, b"\0").hex()
    assert service.answer(f"/data-assets/{in_hex}", limit=2) == answer
    bare = set(numbers(answer))
    assert bare <= {"number", "leg", "licences", "block", "log_index", "total", "limit", "offset"}


def test_a_data_asset_shows_where_it_stands_with_its_lender(county, books, service: Service) -> None:
    county.register_asset("DEX-2026-000001")
    sync(county.chain, books)
    (pledge,) = service.answer(f"/holders/{county.cooperative.address}/statement")["pledges"]
    certificate, lien = b"DEX-2026-000001".ljust(32, b"\0"), bytes.fromhex(pledge[2:])
    covenant = Covenant(86_400, 5_000, 6_000, b"data-value-fen".ljust(32, b"\0"), bytes(32))
    none = Covenant(0, 0, 0, bytes(32), bytes(32))
    with books.reading() as reader:
        head = reader.head()
    block = Block(head.number + 1, "0x" + "ab" * 32, head.timestamp + 86_402)
    by = county.city.address
    events = (
        CovenantAgreed(certificate, lien, none, covenant, by),
        Appraised(certificate, lien, b"\1" * 32, 30_000_000, 0, 0, 30_000_000, block.timestamp + 9, by),
    )
    records = [
        record_of(Emitted(EventId(1, block.hash, index), block, "0x" + "11" * 32, "DataAssets", event))
        for index, event in enumerate(events)
    ]
    books.record(expected_head=head, fork=head, blocks=[block], records=records, entries=[])
    answer = service.answer("/data-assets/DEX-2026-000001")["covenant"]
    assert (answer["pledge"], answer["standing"], answer["standing_text"]["zh"]) == (pledge, "shortfall", "担保不足")
    assert [each["key"] for each in answer["reasons"]] == ["stale", "shortfall"]
    assert not answer["reasons"][0]["text"]["zh"].isascii()
    assert (answer["value"]["text"], answer["largest_debt"]["text"]) == ("¥150,000.00", "60 %")
    assert int(answer["debt"]["fen"]) > 14_107_260
    assert (answer["valuation_feed"], answer["quality_feed"]) == ("data-value-fen", None)
    assert answer["fresh_until"] < answer["as_of"]


def test_a_licence_without_end_has_none(county, books, service: Service) -> None:
    county.register_asset("DEX-2026-000001")
    terms = (county.buyer.address, 2**64 - 2, 2**64 - 1, 0, b"\1" * 32, b"ever".ljust(32, b"\0"))
    grant = county.of("DataAssets").grantLicence(b"DEX-2026-000001".ljust(32, b"\0"), b"EVER".ljust(32, b"\0"), terms)
    county.send(grant, county.city)
    sync(county.chain, books)
    (licence,) = service.answer("/data-assets/DEX-2026-000001")["licences"]["items"]
    assert (licence["begins_at"], licence["ends_at"], licence["fee"]["fen"]) == (None, None, "0")


def test_amounts_are_never_bare_numbers(county, service: Service) -> None:
    (identifier,) = service.answer(f"/holders/{county.cooperative.address}/statement")["pledges"]
    paths = (
        "/agreements/one-product",
        "/batches/1",
        "/certificates/1",
        f"/holders/{county.cooperative.address}/statement",
    )
    bare = {name for path in (*paths, f"/pledges/{identifier}") for name in numbers(service.answer(path))}
    assert bare <= {
        *("version", "index", "leg", "bps", "block", "log_index", "holders", "group", "batch", "count", "rank"),
        "certificate",
        *("number", "total", "limit", "offset", "as_of_block", "tier"),
    }


# THE MANUAL


def test_every_operation_is_described_in_both_languages_with_its_problems(service: Service) -> None:
    manual = service.answer("/openapi.json")
    assert set(manual["paths"]) == {
        *("/health", "/agreements", "/agreements/{key}", "/batches", "/batches/{number}"),
        "/certificates/{number}",
        *("/holders/{address}/statement", "/pledges/{pledge}", "/funds", "/funds/{key}/{leg}"),
        *("/data-assets", "/data-assets/{certificate}"),
    }
    for path, operations in manual["paths"].items():
        operation = operations["get"]
        zh, _, en = operation["summary"].partition(" · ")
        assert not zh.isascii(), path
        assert en.isascii(), path
        assert operation["responses"]["422"]["content"]["application/json"]["schema"]["$ref"].endswith("/Problem")
        for parameter in operation.get("parameters", []):
            assert " · " in parameter["description"], (path, parameter["name"])


def test_every_description_of_an_answer_is_in_both_languages(service: Service) -> None:
    schemas = service.answer("/openapi.json")["components"]["schemas"]
    for name, schema in schemas.items():
        described = {"": schema, **schema["properties"]}
        for field, description in {field: each.get("description") for field, each in described.items()}.items():
            if description is None:
                continue
            zh, _, en = " ".join(description.split()).partition(" · ")
            assert not zh.isascii(), (name, field)
            assert en.isascii(), (name, field)
            assert en, (name, field)


def test_every_field_of_an_answer_that_needs_one_has_an_example(service: Service) -> None:
    schemas = service.answer("/openapi.json")["components"]["schemas"]
    for schema, field in (("Money", "fen"), ("Money", "text"), ("Carbon", "kg"), ("BatchSummary", "serials")):
        assert schemas[schema]["properties"][field]["examples"]


@pytest.mark.usefixtures("books")
def test_the_service_finds_its_parts_by_its_settings(county, monkeypatch: pytest.MonkeyPatch) -> None:
    county.chain.deployment.save(county.folder / "deployment.json")
    monkeypatch.setenv("GONGSHENG_CHAIN_URL", county.chain.w3.provider.endpoint_uri)
    monkeypatch.setenv("GONGSHENG_DATABASE_URL", f"sqlite:///{county.folder / 'books.sqlite'}")
    monkeypatch.setenv("GONGSHENG_DEPLOYMENT_FILE", str(county.folder / "deployment.json"))
    monkeypatch.setenv("GONGSHENG_REGISTERS_FOLDER", str(county.registers.path))
    app = app_from_environment()
    service = Service(app)
    assert service.answer("/health")["status"] == "ok"
    assert service.answer(f"/holders/{county.cooperative.address}/statement")["pledges"]
    app.state.books.close()
