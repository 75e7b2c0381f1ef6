# SPDX-License-Identifier: Apache-2.0
# Fuzz targets: a new one is a file fuzz_NAME.c, one line in this list, and seeds
# in corpus/NAME. `make check` runs each over its seeds; with `./configure
# CC=clang --enable-fuzzer` libFuzzer drives them:
#   test/fuzz/fuzz_keyfile -max_total_time=60 NEWCORPUS SRCDIR/test/fuzz/corpus/keyfile
FUZZ_TARGETS = \
	test/fuzz/fuzz_attest \
	test/fuzz/fuzz_dps \
	test/fuzz/fuzz_ekcert \
	test/fuzz/fuzz_jws \
	test/fuzz/fuzz_keyfile \
	test/fuzz/fuzz_keyrules \
	test/fuzz/fuzz_pcrset \
	test/fuzz/fuzz_prov_import \
	test/fuzz/fuzz_prov_store \
	test/fuzz/fuzz_prov_verify \
	test/fuzz/fuzz_public \
	test/fuzz/fuzz_sas \
	test/fuzz/fuzz_signature \
	test/fuzz/fuzz_uri
FUZZ_PROV_LDADD = $(FUZZ_MAIN) $(FUZZER_LIBS) provider/libtpmiot-provider.la
test_fuzz_fuzz_prov_import_LDADD = $(FUZZ_PROV_LDADD)
test_fuzz_fuzz_prov_store_LDADD = $(FUZZ_PROV_LDADD)
test_fuzz_fuzz_prov_verify_LDADD = $(FUZZ_PROV_LDADD)
if ENABLE_CA
FUZZ_TARGETS += test/fuzz/fuzz_ca_session test/fuzz/fuzz_ca_token test/fuzz/fuzz_ca_wire test/fuzz/fuzz_ca_dps \
	test/fuzz/fuzz_ca_hook test/fuzz/fuzz_ca_ekcrl
if HAVE_CMOCKA
FUZZ_TARGETS += test/fuzz/fuzz_ca_api
test_fuzz_fuzz_ca_api_CFLAGS = $(CA_CFLAGS) $(CMOCKA_CFLAGS)
test_fuzz_fuzz_ca_api_LDADD = $(FUZZ_MAIN) $(FUZZER_LIBS) test/wire/libwire.la
endif
FUZZ_CA_LDADD = $(FUZZ_MAIN) $(FUZZER_LIBS) ca/libtpmiot-ca.la
test_fuzz_fuzz_ca_session_LDADD = $(FUZZ_CA_LDADD)
test_fuzz_fuzz_ca_token_LDADD = $(FUZZ_CA_LDADD)
test_fuzz_fuzz_ca_token_CFLAGS = $(CA_CFLAGS)
test_fuzz_fuzz_ca_wire_LDADD = $(FUZZ_CA_LDADD)
test_fuzz_fuzz_ca_dps_LDADD = $(FUZZ_CA_LDADD)
test_fuzz_fuzz_ca_hook_LDADD = $(FUZZ_CA_LDADD)
test_fuzz_fuzz_ca_ekcrl_LDADD = $(FUZZ_CA_LDADD)
endif
if ENABLE_ENROLL
FUZZ_TARGETS += test/fuzz/fuzz_enroll_dps test/fuzz/fuzz_enroll_msg
test_fuzz_fuzz_enroll_dps_LDADD = $(FUZZ_MAIN) $(FUZZER_LIBS) enroll/libtpmiot-enroll.la
test_fuzz_fuzz_enroll_msg_LDADD = $(FUZZ_MAIN) $(FUZZER_LIBS) enroll/libtpmiot-enroll.la
endif

check_PROGRAMS += $(FUZZ_TARGETS)
EXTRA_DIST += test/fuzz/corpus test/fuzz/replay.sh
noinst_HEADERS += test/fuzz/fuzz.h test/fuzz/world.h

# What a program is linked to that does not say it otherwise: only the fuzz targets.
LDADD = $(FUZZ_MAIN) $(FUZZER_LIBS) lib/libtpmiot.la $(CRYPTO_LIBS) $(MU_LIBS)
AM_CPPFLAGS += $(CRYPTO_CFLAGS) $(MU_CFLAGS)
if FUZZER
AM_CFLAGS += -fsanitize=fuzzer-no-link
AM_LDFLAGS += -fsanitize=fuzzer-no-link
else
noinst_LTLIBRARIES += test/fuzz/libmain.la
test_fuzz_libmain_la_SOURCES = test/fuzz/stdin_main.c
FUZZ_MAIN = test/fuzz/libmain.la
endif
TESTS += test/fuzz/replay.sh
