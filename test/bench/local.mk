# SPDX-License-Identifier: Apache-2.0
# `make bench`: a table of what things cost, with the budgets beside it.
bench_programs = test/bench/measure test/bench/sign_loop
EXTRA_PROGRAMS = test/bench/measure test/bench/sign_loop test/bench/esys_loop
test_bench_measure_SOURCES = test/bench/measure.c
test_bench_measure_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
test_bench_measure_LDADD = $(CRYPTO_LIBS)
test_bench_sign_loop_SOURCES = test/bench/sign_loop.c
test_bench_sign_loop_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
test_bench_sign_loop_LDADD = $(CRYPTO_LIBS) $(PTHREAD_LIBS)
# The yardstick
test_bench_esys_loop_SOURCES = test/bench/esys_loop.c
test_bench_esys_loop_CFLAGS = $(AM_CFLAGS) $(ESYS_CFLAGS)
test_bench_esys_loop_LDADD = $(ESYS_LIBS)
if HAVE_ESYS
bench_programs += test/bench/esys_loop
endif
CLEANFILES += $(EXTRA_PROGRAMS)
EXTRA_DIST += test/bench/bench.sh test/bench/rates.sh

bench: all $(bench_programs) test/integration/tpmcount
	@TPMIOT_BUILDDIR=$(abs_builddir) bash $(srcdir)/test/bench/bench.sh
.PHONY: bench
