# What people type. `make help` lists it; each target is one line of work done elsewhere.

# The first Python that is new enough; override with PYTHON=…
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,$(shell \
	$(name) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	>/dev/null 2>&1 && echo $(name))))
VENV ?= .venv
export VENV

BOOTSTRAP = @$(if $(PYTHON),,echo "Python 3.11, 3.12 or 3.13 is needed, and none was found: name one with PYTHON=…" >&2; exit 1;) \
	$(PYTHON) ops/bootstrap.py --venv "$(VENV)"
BIN = $(VENV)/bin
OPS = $(BIN)/python -m ops

.DEFAULT_GOAL := help

##@ Use it
.PHONY: run up down status logs mails reset doctor models demo
run: ## Start everything, ask the demo question, stay up until Ctrl-C
	$(BOOTSTRAP)
	@exec $(OPS) run

up: ## The same in the background; returns when all is ready
	$(BOOTSTRAP)
	@exec $(OPS) up

down: ## Stop what `up` started
	$(BOOTSTRAP)
	@exec $(OPS) down

status: ## Show every process, its port, memory and health
	$(BOOTSTRAP)
	@exec $(OPS) status

logs: ## Follow the logs; S=documents-worker for one of them
	$(BOOTSTRAP)
	@exec $(OPS) logs $(S)

mails: ## Show the mails that were written instead of sent (no SMTP_URL)
	$(BOOTSTRAP)
	@exec $(OPS) mails

reset: ## Forget all data (asks first; FORCE=1 does not)
	$(BOOTSTRAP)
	@exec $(OPS) reset $(if $(FORCE),--force)

models: ## Fetch the local chat model (1.1 GB); FILE=path takes one you have
	$(BOOTSTRAP)
	@exec $(OPS) models fetch --chat $(if $(FILE),--file "$(FILE)")

doctor: ## Check this machine and the configuration
	$(BOOTSTRAP)
	@exec $(OPS) doctor

demo: ## Ask the demo agent again; Q="your question"
	$(BOOTSTRAP)
	@exec $(OPS) demo $(if $(Q),--question "$(Q)")

##@ Work on it
.PHONY: dev check format test ci bench eval faults isolation images k8s docs lock
dev: ## Install the development tools into the virtual environment
	$(BOOTSTRAP) --dev

check: dev ## Format, lint, types and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/lint-imports --no-cache

format: dev ## Format, and fix what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Three for two cores: half of the time is spent waiting. They start some hundred processes, each
# of which would compile all that it imports where no bytecode may be kept.
test: dev ## The test suite; T=tests/auth for a part
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n 3 --dist loadfile $(T)

ci: check test images k8s faults ## Everything that CI runs

bench: dev ## Measure what a question, an upload and a read cost; QUICK=1 for a short look
	$(BIN)/python -m bench

eval: dev ## Measure the answers' quality; DATA=folder with docs/ and questions.jsonl
	$(BIN)/python -m bench.quality $(if $(DATA),"$(DATA)")

N ?= 24
SEED ?= 1
faults: dev ## Kill processes while questions are asked; N= runs, from SEED=
	$(BIN)/python -m tests.faults --runs $(N) --seed $(SEED)

isolation: dev ## Time foreign ids against missing ones on every route, and walk at random for long
	$(BIN)/pytest tests/tenancy -m figures -rA --timeout 1800

images: dev ## Build every image and start the compose file for real, where an engine can be had
	$(BIN)/pytest tests/deploy -m containers -rs

k8s: dev ## Render and validate the Kubernetes manifests
	$(BIN)/python -m ops.deploy.manifests --check
	$(BIN)/pytest tests/deploy -q

docs: dev ## Write the generated pages again
	$(BIN)/python -m libs.common.contract.document > docs/api-status.md
	$(BIN)/python -m libs.common.events.document > docs/events.md
	$(BIN)/python -m ops.openapi > web/reference/openapi.json
	$(BIN)/python -m ops.deploy.manifests

LOCK = $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --quiet
SERVICES = auth agents conversations documents analytics
lock: dev ## Resolve all dependencies again
	$(LOCK) --all-extras --group dev -o requirements-dev.lock
	$(LOCK) $(foreach extra,$(SERVICES) model-server ops kms,--extra $(extra)) \
		-c requirements-dev.lock -o requirements.lock
	for part in $(SERVICES) ops; do \
		$(LOCK) --extra $$part --extra kms \
			-c requirements-dev.lock -o requirements-$$part.lock || exit 1; done
	for part in model-server local-chat; do \
		$(LOCK) --extra $$part -c requirements-dev.lock -o requirements-$$part.lock || exit 1; done

##@ Help
.PHONY: help
help: ## This list
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z0-9-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
