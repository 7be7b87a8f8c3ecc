# uv runs everything in an environment of its own, made from uv.lock. It is the repository's own,
# or that on PATH; where neither exists, the own one is made (cdk/uv.py looks in the same order).
OWN_UV := $(CURDIR)/.uv/bin/uv
UV := $(or $(wildcard $(OWN_UV)),$(shell command -v uv),$(OWN_UV))
RUN := $(UV) run --quiet
IMAGES ?=
COUNT ?=
KEEP ?=
LOADER ?=
ENGINE ?=
SEED ?=
REAL ?=
MIGRATE ?=
INGEST ?=

.DEFAULT_GOAL := help
.PHONY: help uv install demo check test tools test-fast test-e2e chaos bench bench-projection docs calls clean

help:  ## Show what there is to make
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 18

$(OWN_UV):
	@python3 -m venv .uv || { echo "uv is missing, and so is python3's venv: install either"; exit 1; }
	@.uv/bin/pip install --quiet uv

uv: $(filter $(OWN_UV),$(UV))  # What cdk.json's app needs before it can start

node_modules/.package-lock.json: package.json package-lock.json
	@command -v npm >/dev/null || { echo "node (npm) is missing: the cdk needs it, so nothing here runs without it"; exit 1; }
	npm ci --silent --no-fund --no-audit

install: uv node_modules/.package-lock.json  ## Install what everything else needs
	$(UV) sync --quiet --frozen

demo: install  ## Reindex a sample library on this machine, start to finish; IMAGES=folder for your own, KEEP=1 to play on, LOADER=service or function for a library's own, ENGINE=opensearch for a real OpenSearch
	$(RUN) python -m tests.local.demo $(if $(IMAGES),--images "$(IMAGES)") $(if $(COUNT),--count $(COUNT)) $(if $(KEEP),--keep) $(if $(LOADER),--loader $(LOADER)) $(if $(ENGINE),--engine $(ENGINE))

check: install  ## Lint, check types, the import contracts and the templates
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(RUN) lint-imports
	$(RUN) python -m scripts.fault_pages --check
	$(RUN) python -m tests.calls.operators --check
	$(RUN) python -m tests.stack.lint

test: test-fast test-e2e  ## Run every test
	@$(RUN) python -m tests.local.tools

tools: install  ## Name the programs that this machine lacks, and what does not run without them
	@$(RUN) python -m tests.local.tools

test-fast: install  ## Run all tests but those of the deployed stack
	$(RUN) pytest -n 2 --dist loadfile tests/unit tests/contract tests/stack tests/browser

test-e2e: install  ## Run the tests of the stack that cdk deploys to local servers
	$(RUN) pytest -n 2 --dist loadfile tests/e2e

chaos: install  ## Reindex amid accidents; SEED=n repeats a run, REAL=elasticsearch or opensearch takes a real server, MIGRATE=1 a migration, INGEST=1 submissions to the live lane
	$(RUN) python -m tests.chaos $(if $(SEED),--seed $(SEED)) $(if $(COUNT),--images $(COUNT)) $(if $(REAL),--real $(REAL)) $(if $(MIGRATE),--migrate) $(if $(INGEST),--ingest)

bench: tools  ## Measure everything that the budgets name, and write docs/cost.md of it
	$(RUN) python -m tests.bench --json bench-results --write docs/cost.md

bench-projection: tools  ## Measure reading and extraction, against exiftool
	mkdir -p bench-results
	$(RUN) python -m tests.bench.projection --json bench-results/projection.json

docs: install  ## Make the pages that are made from the code
	$(RUN) python -m scripts.help_pages
	$(RUN) python -m scripts.failure_pages
	$(RUN) python -m scripts.fault_pages
	$(RUN) python -m tests.calls.operators

calls: install  ## Record the AWS calls of all functions and verbs anew, and write what verbs need into docs/security.md
	$(RUN) python -m tests.calls

clean:  ## Remove what was built
	rm -rf build cdk.out cdk.out.* bench-results .pytest_cache .mypy_cache .ruff_cache .hypothesis
