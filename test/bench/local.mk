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
if ENABLE_CA
if HAVE_CMOCKA
bench_ca_programs = test/bench/enrol_load test/bench/enrol_limit test/bench/enrol_bare
EXTRA_PROGRAMS += $(bench_ca_programs)
test_bench_enrol_load_SOURCES = test/bench/enrol_load.c
test_bench_enrol_load_CFLAGS = $(CA_CFLAGS) $(CMOCKA_CFLAGS)
test_bench_enrol_load_LDADD = test/wire/libwire.la
test_bench_enrol_limit_SOURCES = test/bench/enrol_limit.c
test_bench_enrol_limit_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
test_bench_enrol_limit_LDADD = $(CRYPTO_LIBS)
test_bench_enrol_bare_SOURCES = test/bench/enrol_bare.c
test_bench_enrol_bare_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS) $(SSL_CFLAGS)
test_bench_enrol_bare_LDADD = $(SSL_LIBS) $(CRYPTO_LIBS)
endif
endif
CLEANFILES += $(EXTRA_PROGRAMS)
EXTRA_DIST += test/bench/bench.sh test/bench/rates.sh test/bench/ca.sh

bench: all $(bench_programs) test/integration/tpmcount
	@TPMIOT_BUILDDIR=$(abs_builddir) bash $(srcdir)/test/bench/bench.sh
	@$(MAKE) --no-print-directory bench-ca

# Only the part about the CA: 10,000 simulated devices.
bench-ca: all $(bench_ca_programs) test/integration/tpmcount
	@TPMIOT_BUILDDIR=$(abs_builddir) bash $(srcdir)/test/bench/ca.sh

# The same with kill -9 of the CA, 100 times: some minutes.
check-ca-kill: all $(bench_ca_programs) test/integration/tpmcount
	@TPMIOT_BUILDDIR=$(abs_builddir) TPMIOT_BENCH_KILLS=100 bash $(srcdir)/test/bench/ca.sh
.PHONY: bench bench-ca check-ca-kill
