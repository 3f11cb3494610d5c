# SPDX-License-Identifier: GPL-2.0-only
"""All input and output, one module per outside thing."""
