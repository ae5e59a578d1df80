# Two commands on a fresh machine: `make demo` and `make test`. Each does its own set-up.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
STAY ?= 1
ALL ?= 0
ROWS ?=
MOVES ?=
# Tests side by side: two of them on whole sandboxes at most.
JOBS ?= 3

# Each run and each part of the sandbox is a process of its own: without kept bytecode each would compile our code anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo test run-tests test-kills test-cloud test-long check check-style check-types check-imports lock screenshots bench-sweep bench-assess bench-journal bench-start bench-approval bench-recovery crash-table clean

setup: .venv/ready

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

demo: setup
	@STAY=$(STAY) ALL=$(ALL) $(BIN)/vigie demo

# Types and imports are checked while tests run: alone they would keep one processor busy and leave the others idle.
test: setup check-style
	@$(MAKE) --no-print-directory --jobs 3 run-tests check-types check-imports

run-tests: setup
	@PYTHONHASHSEED=0 $(BIN)/pytest -q -n $(JOBS) --dist loadscope --no-loadscope-reorder

test-kills: setup
	@VIGIE_TEST_KILLS=only $(MAKE) --no-print-directory run-tests

# A whole platform moves for real with clients that write all the while, what a run stands on is killed, and every order
# is given through every door.
test-long: setup
	@VIGIE_TEST_KILLS=1 VIGIE_TEST_LONG=1 $(BIN)/pytest -q -m long tests/scenario

# A real Keystone, Placement and Nova to hold the private cloud's adapters against; needs rabbitmq-server.
test-cloud: setup .venv-openstack/ready
	@VIGIE_TEST_REAL_CLOUD=1 $(BIN)/pytest -q tests/openstack_real

.venv-openstack/ready: tests/openstack_real/requirements.lock
	$(PYTHON) -m venv .venv-openstack
	.venv-openstack/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

check: check-style
	@$(MAKE) --no-print-directory --jobs 2 check-types check-imports

check-style: setup
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .

check-types: setup
	@nice $(BIN)/pyright --warnings

check-imports: setup
	@nice $(BIN)/lint-imports --no-cache > .venv/lint-imports.log 2>&1 || (cat .venv/lint-imports.log; exit 1)

lock:
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-annotate --no-header --output-file requirements.lock requirements.in

screenshots: setup
	@$(BIN)/python -m tests.ui.screenshots

bench-sweep: setup
	@$(BIN)/python -m tests.benchmarks.bench_sweep

bench-assess: setup
	@$(BIN)/python -m tests.benchmarks.bench_assess

bench-journal: setup
	@$(BIN)/python -m tests.benchmarks.bench_journal

bench-approval: setup
	@$(BIN)/python -m tests.benchmarks.bench_approval

bench-start: setup
	@$(BIN)/python -m tests.benchmarks.bench_start

bench-recovery: setup
	@$(BIN)/python -m tests.benchmarks.bench_recovery

crash-table: setup
	@$(BIN)/python -m tests.crash --again $(ROWS)
	@$(BIN)/python -m tests.crash.moves --again $(MOVES)

clean:
	-$(BIN)/vigie down
	rm -rf .vigie
