# make app    start the explorer          make test    run all tests
# Both make .venv and install requirements.txt first, once. Another Python than python3: make app PYTHON=python3.12

PYTHON ?= python3
INSTALLED := .venv/installed
LEAST := $(shell sed -n 's/^requires-python = ">=\(.*\)"/\1/p' pyproject.toml)
NEW_ENOUGH := import sys; sys.exit(sys.version_info < tuple(map(int, "$(LEAST)".split("."))))
VERSION := import sys; print(*sys.version_info[:2], sep=".")

# The environment serves when it was finished, its Python runs and is new enough, and none of another version is asked for.
ASKED := $(if $(filter-out file,$(origin PYTHON)),$(shell $(PYTHON) -c '$(VERSION)' 2>&1),any)
SERVES := $(shell test -e $(INSTALLED) && .venv/bin/python -c '$(NEW_ENOUGH)' 2>&1 && \
            test "$(ASKED)" = any -o "$(ASKED)" = "`.venv/bin/python -c '$(VERSION)'`" && echo yes)

.PHONY: app test check $(if $(SERVES),,$(INSTALLED))

app: $(INSTALLED)
	.venv/bin/python -m streamlit run app.py

# Two processes: one has a browser, the other takes the rest. Threads that wait leave the cores to those that work.
test: $(INSTALLED)
	OMP_WAIT_POLICY=PASSIVE .venv/bin/python -m pytest -n 2 --no-loadscope-reorder $(ARGUMENTS)

# What is looked at before the tests: how the code is laid out, what a linter finds, and the library's types.
check: $(INSTALLED)
	.venv/bin/python -m ruff format --check --quiet .
	.venv/bin/python -m ruff check --quiet .
	.venv/bin/python -m mypy

# One that does not serve is made anew, once it is known that it can be. Where .venv is a link, the link alone is removed.
$(INSTALLED): requirements.txt
ifneq ($(SERVES),yes)
	@$(PYTHON) -c '$(NEW_ENOUGH)' 2>/dev/null || { echo "Python $(LEAST) or newer is needed, and $(PYTHON) is" \
	  "`$(PYTHON) --version 2>&1 | tail -n 1`; try: make app PYTHON=python3.12" >&2; exit 2; }
	rm -rf .venv
	$(PYTHON) -m venv .venv
endif
	.venv/bin/python -m pip install --disable-pip-version-check -r requirements.txt
	@touch $@
