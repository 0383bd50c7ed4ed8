# make app    start the explorer          make test    run all tests
# Both make .venv and install requirements.txt first, once.

PYTHON ?= python3
INSTALLED := .venv/installed

.PHONY: app test

app: $(INSTALLED)
	.venv/bin/python -m streamlit run app.py

test: $(INSTALLED)
	.venv/bin/python -m pytest $(ARGUMENTS)

$(INSTALLED): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "Python 3.10 or newer is needed, and $(PYTHON) is older; try: make app PYTHON=python3.12" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --disable-pip-version-check -r requirements.txt
	@touch $@
