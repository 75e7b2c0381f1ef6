# SPDX-License-Identifier: Apache-2.0
# The device layer against a TPM that says what it is told.
noinst_HEADERS += test/unit/script_tcti.h
if HAVE_CMOCKA
TPM_TEST_LIBS = tpm/libtpmiot-tpm.la $(CMOCKA_LIBS) $(CRYPTO_LIBS)
TPM_TESTS = \
	test/unit/test_ahead \
	test/unit/test_assure \
	test/unit/test_keyuse \
	test/unit/test_relay \
	test/unit/test_session \
	test/unit/test_statedir \
	test/unit/test_tpm_conn
check_PROGRAMS += $(TPM_TESTS)
TESTS += $(TPM_TESTS)
test_unit_test_ahead_SOURCES = test/unit/test_ahead.c test/unit/script_tcti.c
test_unit_test_ahead_LDADD = test/unit/libtestkit.la $(TPM_TEST_LIBS)
test_unit_test_assure_LDADD = $(TPM_TEST_LIBS)
test_unit_test_keyuse_SOURCES = test/unit/test_keyuse.c test/unit/script_tcti.c
test_unit_test_keyuse_LDADD = $(TPM_TEST_LIBS)
test_unit_test_keyuse_LDFLAGS = -Wl,--wrap=Tss2_TctiLdr_Initialize
test_unit_test_relay_LDADD = $(TPM_TEST_LIBS)
test_unit_test_session_SOURCES = test/unit/test_session.c test/unit/script_tcti.c
test_unit_test_session_LDADD = $(TPM_TEST_LIBS)
test_unit_test_statedir_LDADD = $(TPM_TEST_LIBS)
test_unit_test_tpm_conn_SOURCES = test/unit/test_tpm_conn.c test/unit/script_tcti.c
test_unit_test_tpm_conn_LDADD = $(TPM_TEST_LIBS)
endif
