# SPDX-License-Identifier: GPL-2.0-only
# `make help` lists what there is.  What takes more than a line lives in deploy/.
.DEFAULT_GOAL := help
.PHONY: help venv demo check docs pictures web-pictures lint test chaos bench bench-bot bench-web bench-nights bench-rules bench-coverage bench-lab bench-bisect chaos-lab same-verdict check-coverage fresh-check check-units lock clean
SHELL := /bin/bash
export SERIES

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: ## make .venv/bin/reviewbot
	@deploy/make-venv

demo: ## review the example series, or SERIES=..., from nothing to the printed mail
	@deploy/demo

check: ## lint, then every test, unit to virtual machine
	@deploy/check

docs: venv ## write the rule reference and the manual pages anew
	@REVIEWBOT_CONFIG=/dev/null .venv/bin/reviewbot rules reference docs/rules
	@.venv/bin/reviewbot manual docs/man

pictures: venv ## make the pictures in docs/pictures anew
	@deploy/pictures

web-pictures: ## photograph the web pages for docs/pictures (reviews the example in full)
	@deploy/web-pictures

lint: venv ## ruff and mypy only
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy

test: venv ## the quick tests only, a minute or less
	@.venv/bin/pytest -q -m 'not slow'

chaos: ## kill and break the bot for ten minutes, see that nothing is lost (KILLS=..., SEED=...)
	@deploy/chaos

chaos-lab: ## kill reviews while they build, boot and test; see that nothing is left (KILLS=100, SEED=...)
	@deploy/chaos-lab

same-verdict: ## review a series RUNS=50 times, all tests run again: one verdict? (SERIES=...)
	@deploy/same-verdict

bench: ## time a review beside checkpatch.pl and a clean kernel build
	@deploy/bench

bench-bot: ## queue and drain 10,000 jobs without work, measure the idle bot: time, memory
	@deploy/bench-bot

bench-web: ## time the web pages with 2,000 series, and the export of 500
	@deploy/bench-web

bench-nights: ## fill a store with a year of nightly sweeps; its size, and how long the pages take
	@deploy/bench-nights

bench-watch: ## replay a list through the bot (INBOX=... an epoch): series, speed, memory
	@deploy/bench-watch

bench-triage: ## read a list for triage (INBOX=... an epoch), then show 2,000 series
	@deploy/bench-triage

bench-rules: ## time the rules alone on 10, 22 and 60 patches (KIND=dense: the most a patch can touch)
	@deploy/bench-rules $(KIND)

bench-lab: ## the lab beside a clean build, and beside git am, make and virtme-ng (a quarter of an hour; SERIES=worst)
	@deploy/bench-lab

bench-bisect: ## a failing selftest among 16 commits, beside git bisect run with make and virtme-ng (a quarter of an hour)
	@deploy/bench-bisect

bench-coverage: ## selftests chosen by coverage beside all of them (INBOX=... an epoch, TREE=... a tree)
	@deploy/bench-coverage

check-coverage: venv ## the tests that need a kernel which counts; builds it once, eight minutes or so
	@REVIEWBOT_CHECK_COVERAGE=1 .venv/bin/pytest -q tests/guest/test_counting.py tests/guest/test_coverage.py

fresh-check: ## make demo and make check on a fresh Debian 12 (root; TARGETS="demo check")
	@deploy/fresh-machine $(or $(TARGETS),demo check)

check-units: ## start the systemd units on a fresh Debian 12 in a container (root, ten minutes)
	@deploy/check-units

lock: venv ## take newer versions into deploy/requirements.txt
	@deploy/lock

clean: ## remove what make made in the checkout (never the cache in ~/.cache/reviewbot)
	@rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
	@find reviewbot rules tests -name __pycache__ -prune -exec rm -rf {} +
