# The commands of the project. `make demo` and `make test` need Rust, Node 20 or newer with npm, and for `make
# test` Python 3.11 and Go 1.26 or newer; everything else they install themselves, pinned, from package registries.

.PHONY: demo conformance node test test-machine test-node lint lint-format golden soak soak-load bench quality

NODE := target/counterparts/bin/node
LYCHGATE := $(or $(CARGO_TARGET_DIR),target)/debug/lychgate
CONFORMANCE = $(NODE) --test tests/conformance/compare.test.mjs && \
	$(NODE) tests/conformance/conformance.mjs --binaries $(dir $(LYCHGATE))

## demo: walk through examples/quickstart with a real MCP server and a real client, each step checked
demo:
	tests/counterparts/install --node-only
	cargo build --locked --quiet --package lychgate
	$(NODE) tests/demo/demo.mjs --lychgate $(LYCHGATE)

## conformance: a part of test: the official MCP conformance suite, direct, through a gateway, and through two and three
## replicas behind a balancer, compared check by check
conformance:
	tests/counterparts/install --node-only
	cargo build --locked --quiet --package lychgate --package lychgate-gateway --package lychgate-tests-fixture
	$(CONFORMANCE)

## node: a node of Kubernetes with Lychgate on it, until Ctrl-C; needs root, and prints a kubeconfig
node:
	tests/node/install
	cargo build --locked --quiet --package lychgate-gateway --package lychgate-operator
	cargo build --locked --quiet --package lychgate-tests-image --package lychgate-tests-node --bins
	$(or $(CARGO_TARGET_DIR),target)/debug/lychgate-test-node

## test: everything that is checked: units, properties, golden files, the house, scenarios, a control plane, conformance,
## the demo; and where there is root, a node, beside all of that
test:
	tests/counterparts/install
	tests/cluster/install
	tests/databases/install
	tests/quality/install
	cargo build --locked --package lychgate --package lychgate-gateway --package lychgate-operator \
		--package lychgate-tests-fixture
	cargo test --locked --workspace --no-run
	tests/node/beside $(MAKE) --no-print-directory test-machine

# What needs no node, once everything is installed and built.
test-machine:
	cargo test --locked --workspace
	target/quality/bin/python tests/quality/validators.py --count 2000 \
		--verdicts $(or $(CARGO_TARGET_DIR),target)/debug/examples/verdicts
	$(NODE) --test tests/counterparts/counterparts.test.mjs
	$(CONFORMANCE)
	$(NODE) tests/demo/demo.mjs --lychgate $(LYCHGATE)

## test-node: what runs as pods on a node of its own; needs root
test-node:
	tests/counterparts/install --node-only
	tests/node/install
	cargo build --locked --package lychgate --package lychgate-gateway --package lychgate-operator
	cargo build --locked --package lychgate-tests-image --package lychgate-tests-node --bins
	cargo test --locked --workspace --test leaves --test node --test pods

lint-format:
	cargo fmt --all --check

## lint: formatting, clippy and docs, with warnings denied
lint: lint-format
	cargo clippy --locked --workspace --all-targets -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" cargo doc --locked --workspace --no-deps

## golden: write generated files anew, after a change that is meant
golden:
	UPDATE_GOLDEN=1 cargo test --locked --workspace

# How long each fuzz target runs, and how long a gateway is under load, in seconds.
FUZZ_SECONDS := 60
SOAK_SECONDS := 3600

## soak: the property tests with many more cases, every fuzz target under libFuzzer for FUZZ_SECONDS (some twenty minutes
## for both), and a gateway at half of what it can do for SOAK_SECONDS, while everything changes; never part of CI
soak: soak-load
	PROPTEST_CASES=20000 PROPTEST_MAX_GLOBAL_REJECTS=1000000 cargo test --locked --release --package lychgate-gateway-command --package lychgate-gateway-condition --package lychgate-gateway-schema \
		--package lychgate-gateway-mcp --package lychgate-gateway-policy --package lychgate-gateway-record --package lychgate-operator-plan \
		--package lychgate-tests-fuzz
	tests/fuzz/soak --seconds $(FUZZ_SECONDS)

## soak-load: the part of it that is a gateway under load: no call may fail, and it must not grow
soak-load:
	cargo build --locked --release --package lychgate-gateway --package lychgate-tests-bench
	$(or $(CARGO_TARGET_DIR),target)/release/lychgate-bench soak --seconds $(SOAK_SECONDS)

## bench: what a gateway costs, beside no gateway and a bare proxy (docs/benchmarks.md); never part of CI. More flags
## go into BENCH, such as BENCH="--suite call --arms arms.toml"
bench:
	cargo build --locked --release --package lychgate-gateway --package lychgate-tests-bench
	$(or $(CARGO_TARGET_DIR),target)/release/lychgate-bench run $(BENCH)

## quality: validators of masking against python-stdnum, a million random and mutated numbers of each kind (or COUNT); by hand
quality:
	tests/quality/install
	cargo build --locked --release --package lychgate-gateway-policy --example verdicts
	target/quality/bin/python tests/quality/validators.py --count $(or $(COUNT),1000000) \
		--verdicts $(or $(CARGO_TARGET_DIR),target)/release/examples/verdicts
