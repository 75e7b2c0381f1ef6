# SPDX-License-Identifier: Apache-2.0
# Scripts that run everything against a software TPM; ./check runs them.
check_PROGRAMS += test/integration/tpmcount
test_integration_tpmcount_SOURCES = test/integration/tpmcount.c
test_integration_tpmcount_CFLAGS = $(AM_CFLAGS) $(MU_CFLAGS)
EXTRA_DIST += test/integration/lib.sh test/softtpm.sh test/servers.sh test/install-packages
