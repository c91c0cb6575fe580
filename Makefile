# What CI runs is `make lint test`. `bench` and `soak` are for people with a quiet machine.
CARGO ?= cargo
export INSTA_UPDATE ?= no

.PHONY: all lint borders test clients bench clean
all: lint test

lint: borders
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) clippy --no-default-features --locked -- -D warnings
	$(CARGO) doc --workspace --no-deps --locked --quiet
	@if command -v cargo-deny >/dev/null; then $(CARGO) deny check bans licenses sources; else echo "cargo-deny is not installed: deny.toml was not checked"; fi

# No edge between any two of the library crates, and none of them knows the server.
borders:
	@for c in transports middleware sandbox; do \
	  if $(CARGO) tree -p mssql-mcp-$$c -e normal,build --prefix none --locked | tail -n +2 | grep '^mssql-mcp'; then \
	    echo "mssql-mcp-$$c must not depend on another crate of this workspace"; exit 1; fi; done
	@if $(CARGO) tree -p mssql-mcp -e normal --prefix none --locked | grep -E '^(openssl|native-tls|ring|reqwest) '; then \
	  echo "one TLS stack: rustls over aws-lc-rs"; exit 1; fi

# Installs what the tests need (tests/clients/install.sh: npm, pip, apt), then runs them all.
test: clients
	$(CARGO) test --workspace --locked

clients:
	./tests/clients/install.sh

bench:
	$(CARGO) build --release --locked
	$(CARGO) bench --locked

clean:
	$(CARGO) clean
