# SPDX-License-Identifier: Apache-2.0
# tpmiot-enroll: one line for each test; its source is test/unit/NAME.c.
if HAVE_CMOCKA
ENROLL_TESTS = \
	test/unit/test_enroll_dps \
	test/unit/test_enroll_http \
	test/unit/test_enroll_journal \
	test/unit/test_enroll_msg \
	test/unit/test_enroll_opts \
	test/unit/test_enroll_state \
	test/unit/test_enroll_token \
	test/unit/test_enroll_x509
check_PROGRAMS += $(ENROLL_TESTS)
TESTS += $(ENROLL_TESTS)

ENROLL_TEST_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS) $(CRYPTO_CFLAGS)
ENROLL_TEST_LDADD = enroll/libtpmiot-enroll.la $(CMOCKA_LIBS) $(JANSSON_LIBS) $(CRYPTO_LIBS)

test_unit_test_enroll_http_CFLAGS = $(ENROLL_TEST_CFLAGS) $(CURL_CFLAGS) $(SSL_CFLAGS)
test_unit_test_enroll_http_LDADD = $(ENROLL_TEST_LDADD) $(CURL_LIBS) $(SSL_LIBS)

test_unit_test_enroll_journal_CFLAGS = $(ENROLL_TEST_CFLAGS)
test_unit_test_enroll_journal_LDADD = $(ENROLL_TEST_LDADD)
test_unit_test_enroll_journal_SOURCES = test/unit/test_enroll_journal.c test/unit/script_tcti.c

test_unit_test_enroll_dps_CFLAGS = $(ENROLL_TEST_CFLAGS)
test_unit_test_enroll_dps_LDADD = $(ENROLL_TEST_LDADD)
test_unit_test_enroll_msg_CFLAGS = $(ENROLL_TEST_CFLAGS)
test_unit_test_enroll_msg_LDADD = $(ENROLL_TEST_LDADD)

test_unit_test_enroll_opts_CFLAGS = $(ENROLL_TEST_CFLAGS)
test_unit_test_enroll_opts_LDADD = $(ENROLL_TEST_LDADD)

test_unit_test_enroll_state_CFLAGS = $(ENROLL_TEST_CFLAGS)
test_unit_test_enroll_state_LDADD = $(ENROLL_TEST_LDADD)

test_unit_test_enroll_token_CFLAGS = $(ENROLL_TEST_CFLAGS)
test_unit_test_enroll_token_LDADD = $(ENROLL_TEST_LDADD)

test_unit_test_enroll_x509_CFLAGS = $(ENROLL_TEST_CFLAGS)
test_unit_test_enroll_x509_LDADD = $(ENROLL_TEST_LDADD)
endif
