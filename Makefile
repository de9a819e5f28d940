# Few verbs. Each does all of its own set-up.
.PHONY: setup demo test bench gas lint up nightly coverage mutants

setup:
	@scripts/setup

demo: setup  ## the main job, end to end, on a generated county
	@.venv/bin/gongsheng demo $(ARGS)

up: setup  ## embedded chain, service and indexer, until Ctrl-C
	@.venv/bin/gongsheng up $(ARGS)

test: lint  ## every test: Rust, Python, contracts, end to end
	@scripts/test

lint:  ## formatters, linters, types, direction of imports
	@scripts/setup --brownie
	@scripts/check

bench: setup  ## speed as ratios, measured in one run
	@.tools/bin/uv sync --locked --quiet --group bench
	@.venv/bin/python -m scripts.bench $(ARGS)

gas: setup  ## gas of every operation at 1,048,576 holders, against the committed snapshot
	@.venv/bin/python -m scripts.gas --check $(ARGS)

nightly: setup  ## the invariants under 1.28 million random calls
	@FOUNDRY_PROFILE=nightly node_modules/.bin/forge test --match-contract Everything

coverage: lint  ## lines and branches of the contracts that their tests run; some minutes
	@.venv/bin/python -m scripts.contract_coverage --check

mutants: lint  ## changes the rules of money one place at a time, and expects a test to fail; hours
	@.venv/bin/python -m scripts.break_guards
	@.venv/bin/python -m scripts.mutate_contracts $(ARGS)
