"""Compiles the contracts into `build/artefacts`, unless they are there and fresh."""

from __future__ import annotations

import sys

from ledger_service.chain.artefacts import ARTEFACTS
from ledger_service.chain.compiler import compile_contracts
from ledger_service.domain.errors import LedgerError


def main() -> int:
    try:
        compiled = compile_contracts()
    except LedgerError as failure:
        print(failure, file=sys.stderr)
        return 1
    state = "已编译 · compiled into" if compiled else "已是最新 · fresh in"
    print(f"· 合约 · contracts: {state} {ARTEFACTS.relative_to(ARTEFACTS.parents[1])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
