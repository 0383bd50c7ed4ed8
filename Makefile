# make app    start the explorer          make test    run all tests
# Both make .venv and install requirements.txt first, once.

PYTHON ?= python3
INSTALLED := .venv/installed

.PHONY: app test

app: $(INSTALLED)
	.venv/bin/python -m streamlit run app.py

# Two processes: one has a browser, the other takes the rest. Threads that wait leave the cores to those that work.
test: $(INSTALLED)
	OMP_WAIT_POLICY=PASSIVE .venv/bin/python -m pytest -n 2 --no-loadscope-reorder $(ARGUMENTS)

$(INSTALLED): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "Python 3.10 or newer is needed, and $(PYTHON) is older; try: make app PYTHON=python3.12" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --disable-pip-version-check -r requirements.txt
	@touch $@
