# What CI runs is `make lint test`. `bench`, `bench-beside`, `bench-peers`, `soak`, `siege` and `fuzz` are for people with a quiet machine; `gate` is for one who changes the call path, on any machine.
CARGO ?= cargo
export INSTA_UPDATE ?= no

# Tools of one version each, built once beside what else is built.
TOOLS := $(or $(CARGO_TARGET_DIR),target)/tools
DENY := $(TOOLS)/cargo-deny@0.20.2/bin/cargo-deny
CYCLONEDX := $(TOOLS)/cargo-cyclonedx@0.5.9/bin/cargo-cyclonedx

# The key store is on wherever something is checked or tried, because it changes the features of tokio and serde, and a second build would compile all that is behind
# them again. Without it everything is checked once, with the smallest build.
EVERYWHERE = --workspace --locked --features key-store

.PHONY: fuzz all lint borders sbom test test-windows views installed clients clients-all corpora dist dist-quick bench bench-beside bench-peers gate soak siege clean
all: lint test

lint: borders $(DENY)
	$(CARGO) fmt --all --check
	$(CARGO) clippy $(EVERYWHERE) --all-targets -- -D warnings
	$(CARGO) clippy --no-default-features --locked -- -D warnings
	$(CARGO) doc $(EVERYWHERE) --no-deps --quiet
	$(DENY) --locked check --deny warnings bans licenses sources

# No edge between any two of the library crates, and none of them knows the server; and the modules of the server in one order.
borders:
	@for c in transports middleware sandbox sql session spool names own entra connection-string client-setup; do \
	  if $(CARGO) tree -p mssql-mcp-$$c -e normal,build --prefix none --locked | tail -n +2 | grep '^mssql-mcp'; then \
	    echo "mssql-mcp-$$c must not depend on another crate of this workspace"; exit 1; fi; done
	@python3 tests/borders.py

# What the binary is made of, as CycloneDX.
sbom: $(CYCLONEDX)
	python3 tests/sbom.py $(CYCLONEDX) $(or $(CARGO_TARGET_DIR),target)/sbom.cdx.json

# Quick to build rather than quick: three minutes each on two cores, once.
$(TOOLS)/%: tool = $(firstword $(subst /, ,$*))
$(TOOLS)/%:
	CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
	  $(CARGO) install --quiet --locked --root $(TOOLS)/$(tool) --target-dir $(TOOLS)/build/$(tool) $(tool)
	rm -r $(TOOLS)/build/$(tool)

# One of them at a time: they use apt.
ALONE = @mkdir -p $(TOOLS) && flock -o $(TOOLS)/installing

# All that the tests need (npm, pip, apt), for whoever wants it before or beside them.
installed: clients corpora
	$(ALONE) ./dist/tools.sh
	$(ALONE) ./tests/windows/install.sh
	$(ALONE) ./tests/key_store/install.sh

# Installs what the tests need, then runs them all.
test: clients corpora views
	$(ALONE) ./tests/key_store/install.sh
	$(CARGO) test $(EVERYWHERE) --no-fail-fast
	$(MAKE) dist-quick
	$(MAKE) test-windows

# Parquet; and Windows logins, against MIT's Kerberos with a KDC of its own and against gss-ntlmssp, which it installs with libclang (apt). Of the whole workspace, so that the
# crates of `test` are not compiled again.
WINDOWS = $(EVERYWHERE),parquet,windows-login,kerberos
test-windows:
	$(ALONE) ./tests/windows/install.sh
	$(CARGO) clippy $(WINDOWS) --lib --test windows -- -D warnings
	$(CARGO) test $(WINDOWS) --test windows
	$(CARGO) test $(WINDOWS) --lib --test kept --test integration -- windows parquet

# The pages that hosts show: built again and compared, then tried in Chromium with the SDK's own host. Behind `clients`, which installs Chromium.
views: clients
	cd ui && npm ci --no-audit --no-fund --silent && node test/run.mjs

clients:
	$(ALONE) ./tests/clients/install.sh

# Clients that are too heavy for every run: what frameworks make of our tools, and the whole matrix of docs/compatibility.md.
clients-all: clients
	./tests/clients/install-all.sh
	$(CARGO) build --locked --manifest-path tests/clients/matrix/rmcp/Cargo.toml --target-dir $(or $(CARGO_TARGET_DIR),target)/clients/rmcp
	$(CARGO) test --locked --test integration frameworks::heavy -- --ignored
	$(CARGO) test --locked --test integration matrix::all -- --ignored --nocapture

# T-SQL that others wrote, for the guard.
corpora:
	$(ALONE) ./tests/corpora/install.sh

# The packages of a release build, each installed into an empty place and started, their sizes, and what the launcher costs: below target/dist. The same from
# the debug build, with sizes of its own and no measures, is for every run of the tests.
DIST := $(or $(CARGO_TARGET_DIR),target)
dist: sbom
	$(ALONE) ./dist/tools.sh
	$(CARGO) build --release --locked
	rm -rf $(DIST)/dist
	python3 -B dist/build.py $(DIST)/release/mssql-mcp $(DIST)/dist --sbom $(DIST)/sbom.cdx.json --check-sizes release
	python3 -B dist/test.py $(DIST)/release/mssql-mcp $(DIST)/dist --measure

dist-quick:
	$(ALONE) ./dist/tools.sh
	@# The binary that the tests have: `build` alone would compile half of the tree again, for other features of it.
	$(CARGO) test $(EVERYWHERE) --no-run --quiet
	rm -rf $(DIST)/dist-quick && mkdir -p $(DIST)/dist-quick/binary
	strip -o $(DIST)/dist-quick/binary/mssql-mcp $(DIST)/debug/mssql-mcp
	python3 -B dist/build.py $(DIST)/dist-quick/binary/mssql-mcp $(DIST)/dist-quick/out --level 1 --check-sizes debug
	python3 -B dist/test.py $(DIST)/dist-quick/binary/mssql-mcp $(DIST)/dist-quick/out --level 1

bench:
	$(CARGO) build --release --locked
	$(CARGO) bench --locked

# This build and that of another commit by turns, on a core of their own. BESIDE_ONLY names a part of a title.
BESIDE ?= 6c7279f
BESIDE_ONLY ?=
BESIDE_DIR = $(abspath $(or $(CARGO_TARGET_DIR),target))/beside
bench-beside: $(BESIDE_DIR)/$(BESIDE)
	$(CARGO) build --release --locked
	$(CARGO) bench --locked --bench beside -- $(BESIDE_DIR)/$(BESIDE) "$(BESIDE_ONLY)"

$(BESIDE_DIR)/%:
	rm -rf $(BESIDE_DIR)/tree && git worktree prune
	git worktree add --detach $(BESIDE_DIR)/tree $*
	cd $(BESIDE_DIR)/tree && CARGO_TARGET_DIR=$(BESIDE_DIR)/build $(CARGO) build --release --locked
	git worktree remove --force $(BESIDE_DIR)/tree
	cp $(BESIDE_DIR)/build/release/mssql-mcp $@
# Other MCP servers for SQL Server beside this one: a table. They are installed (npm, pip, apt) in a folder that is removed again.
bench-peers:
	$(CARGO) bench --locked --bench peers --no-run
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && trap 'exit 1' INT TERM && ./benches/peers/install.sh "$$dir" && PEERS="$$dir" $(CARGO) bench --locked --bench peers

# Instructions of a call, before and after: against where the branch left main, or GATE_BASE. Installs valgrind where it is missing.
gate:
	@CARGO="$(CARGO)" python3 benches/gate.py

# Mixed calls and faults for so many seconds, and then the books are compared; `make test` has a short one. From 300 on memory must be flat.
SOAK_SECONDS ?= 600
soak:
	SOAK_SECONDS=$(SOAK_SECONDS) $(CARGO) test --release --locked --test integration soak -- --nocapture

# Strangers flood the door for so many seconds while ten who are signed in work; `make test` has a short one, which does not look at the time.
SIEGE_SECONDS ?= 120
siege:
	SIEGE_SECONDS=$(SIEGE_SECONDS) $(CARGO) test --release --locked --test integration siege -- --nocapture --test-threads=1

# Searches for answers that the session misreads, and for texts that the guard misreads: batches of the generator by a seed of the day, and then by coverage for so many seconds, which
# needs a nightly compiler, but not cargo-fuzz.
FUZZ_SECONDS ?= 120
COVERED = RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing" \
	  $(CARGO) +nightly run --release --manifest-path fuzz/Cargo.toml --target $$(rustc -vV | sed -n 's/host: //p')
fuzz:
	GUARD_SEED=$$(date +%s) $(CARGO) test -p mssql-mcp-sql --test guard generated
	mkdir -p fuzz/corpus
	python3 -c "import re,pathlib;[pathlib.Path(f'fuzz/corpus/{f.stem}-{n}').write_text(b) for f in pathlib.Path('sql/tests/corpus').glob('*.sql') for n,b in enumerate(re.split(r'^GO$$', f.read_text(), flags=re.M))]"
	$(COVERED) --bin verdict -- fuzz/corpus -max_total_time=$(FUZZ_SECONDS) -max_len=400
	mkdir -p fuzz/answers
	$(COVERED) --bin answer -- fuzz/answers -max_total_time=$(FUZZ_SECONDS) -max_len=600

clean:
	$(CARGO) clean
