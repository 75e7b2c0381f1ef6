# SPDX-License-Identifier: Apache-2.0
# `make bench`: a table of what things cost, with the budgets beside it.
EXTRA_PROGRAMS = test/bench/measure
test_bench_measure_SOURCES = test/bench/measure.c
test_bench_measure_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
test_bench_measure_LDADD = $(CRYPTO_LIBS)
CLEANFILES += test/bench/measure
EXTRA_DIST += test/bench/bench.sh

bench: all test/bench/measure test/integration/tpmcount
	@TPMIOT_BUILDDIR=$(abs_builddir) bash $(srcdir)/test/bench/bench.sh
.PHONY: bench
