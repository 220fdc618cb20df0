# Everything is done by `make run` and `make test`. PYTHON names the interpreter, 3.11 or newer.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JARS := $(CURDIR)/.cache/kafka/jars
export SANTRAL_JARS ?= $(JARS)
# Without bytecode each of the hundreds of processes of `make test` compiles all packages again.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run demo compiled test test-fast lint bench quality incidents certify chaos jars requirements clean help

help:  ## show this
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*##/\t/'

$(VENV)/run.stamp: requirements.txt pyproject.toml
	sh deploy/venv.sh "$(PYTHON)" "$(VENV)" requirements.txt
	@touch $@

$(VENV)/test.stamp: requirements-test.txt pyproject.toml
	sh deploy/venv.sh "$(PYTHON)" "$(VENV)" requirements-test.txt
	@touch $@ $(VENV)/run.stamp

run: $(VENV)/run.stamp  ## start the whole local profile: console, door, Kafka, Valkey, SQLite
	$(BIN)/santral up $(ARGS)

demo: $(VENV)/run.stamp  ## the same in var-demo, with invented traffic and an outage to look at
	$(BIN)/santral up --demo $(ARGS)

jars: $(VENV)/run.stamp  ## fetch Apache Kafka's pinned jars
	$(BIN)/python -m cli.up.kafka_jars "$(JARS)"

# `make run` takes the compiled modules where they are of its sources. Without them it runs the pure ones.
compiled: $(VENV)/test.stamp  ## compile the router's pure modules, for a quarter more messages/s: needs gcc, one to five minutes
	$(BIN)/python -m deploy.compiled

lint: $(VENV)/test.stamp  ## ruff, mypy, import contracts
	$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports

# Two processes run the tests at the same time. Tests with the mark `alone` follow, one by one. They are all in
# tests/chaos, and the third command collects no other file, which would take seconds.
# With ARGS one of the three commands may find no test (pytest's exit code 5); without ARGS that is a failure.
test: $(VENV)/test.stamp  ## lint and every test
	sh deploy/test_tools.sh
	$(MAKE) lint
	$(BIN)/python -m cli.up.kafka_jars "$(JARS)"
	$(BIN)/python -m pytest -m "not server and not certify" -n 2 $(ARGS) || [ $$? = 5 -a -n "$(ARGS)" ]
	$(BIN)/python -m pytest -m "server and not alone and not certify" -n 2 --dist loadgroup $(ARGS) || [ $$? = 5 -a -n "$(ARGS)" ]
	$(BIN)/python -m pytest -m "server and alone and not certify" $(or $(ARGS),tests/chaos) || [ $$? = 5 -a -n "$(ARGS)" ]

# No server and no jars. Tests that take seconds are marked `slow`; property tests use fewer examples.
test-fast: $(VENV)/test.stamp  ## every test that needs no server: under a minute on two cores
	$(BIN)/python -m pytest -m "not server and not slow and not certify" --hypothesis-profile=fast -n 2 $(ARGS)

bench: $(VENV)/test.stamp  ## measure, side by side, on real Kafka
	$(BIN)/python -m cli.up.kafka_jars "$(JARS)"
	$(BIN)/python -m bench $(ARGS)

quality: $(VENV)/test.stamp  ## judge models and languages: make quality ARGS="data.jsonl:department"
	$(BIN)/python -m bench.quality $(ARGS)

incidents: $(VENV)/test.stamp  ## run the watch on simulated months
	$(BIN)/python -m bench.incidents $(ARGS)

# Each test takes minutes: clusters, outages, large backlogs. Run them before a release, not on each change.
certify: $(VENV)/test.stamp  ## the long proofs that `make test` leaves out, and then `make chaos`
	$(BIN)/python -m cli.up.kafka_jars "$(JARS)"
	$(MAKE) compiled
	$(BIN)/python -m pytest -p tests.support.compiled -m "not server and not slow and not certify" -n 2
	$(BIN)/python -m pytest -m certify $(ARGS)
	$(MAKE) chaos

chaos: $(VENV)/test.stamp  ## the long chaos run: a million messages
	$(BIN)/python -m cli.up.kafka_jars "$(JARS)"
	SANTRAL_CHAOS_MESSAGES=1000000 SANTRAL_CHAOS_PAUSE_S=20 $(BIN)/python -m pytest tests/chaos/test_chaos.py -m chaos $(ARGS)

requirements: pyproject.toml  ## pin the requirements of pyproject.toml again
	sh deploy/pin.sh

clean:  ## remove the environment and all caches, but not var/
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis
