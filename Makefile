# Few verbs. Each does all of its own set-up.
.PHONY: setup demo test bench gas lint up

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
