# SPDX-License-Identifier: GPL-2.0-only
"""``--format`` of review and show, as other programs would take what they print."""

import json

import junitparser
import kcidb_io


def test_kcidb_and_junit_from_the_command_line(reviewbot, tree, series):
    said = reviewbot("review", series, "--tree", tree.path, "--only-rules", "--format", "kcidb")
    first = json.loads(said.out)
    kcidb_io.schema.V5_3.validate_exactly(first)
    (checkout,) = first["checkouts"]
    assert checkout["valid"] is True
    assert str(tree.path) not in said.out

    shown = reviewbot("show", "last", "--format", "kcidb")
    assert (shown.code, json.loads(shown.out)) == (0, first)

    shown = reviewbot("show", "last", "--format", "junit")
    assert shown.code == 0
    (suite,) = junitparser.JUnitXml.fromstring(shown.out.encode())
    assert (suite.tests, suite.skipped, suite.failures) == (1, 1, 0)
