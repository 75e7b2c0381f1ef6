# SPDX-License-Identifier: Apache-2.0
# A test is one line in the list and one that says what it is linked to.
LIB_TEST_LIBS = lib/libtpmiot.la $(CMOCKA_LIBS) $(CRYPTO_LIBS) $(MU_LIBS)
noinst_HEADERS += test/unit/unit.h test/unit/softtpm.h test/unit/certkit.h test/unit/roca_modulus.h
if HAVE_CMOCKA
# A TPM in software and a maker of certificates: the CA's tests link it, too.
check_LTLIBRARIES += test/unit/libtestkit.la
test_unit_libtestkit_la_SOURCES = test/unit/certkit.c test/unit/softtpm.c
test_unit_libtestkit_la_LIBADD = $(LIB_TEST_LIBS)
AM_CPPFLAGS += $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS) $(MU_CFLAGS)
LIB_TESTS = \
	test/unit/test_alg \
	test/unit/test_attest \
	test/unit/test_quote \
	test/unit/test_b64 \
	test/unit/test_buf \
	test/unit/test_credential \
	test/unit/test_dps \
	test/unit/test_duplicate \
	test/unit/test_der \
	test/unit/test_ekcert \
	test/unit/test_err \
	test/unit/test_gcm \
	test/unit/test_jws \
	test/unit/test_kdf \
	test/unit/test_keyfile \
	test/unit/test_keyless \
	test/unit/test_keyrules \
	test/unit/test_nomem \
	test/unit/test_pcrset \
	test/unit/test_policy \
	test/unit/test_public \
	test/unit/test_roca \
	test/unit/test_rsapad \
	test/unit/test_sas \
	test/unit/test_signature \
	test/unit/test_template \
	test/unit/test_uri
check_PROGRAMS += $(LIB_TESTS)
TESTS += $(LIB_TESTS)
test_unit_test_alg_LDADD = $(LIB_TEST_LIBS)
test_unit_test_attest_LDADD = test/unit/libtestkit.la $(LIB_TEST_LIBS)
test_unit_test_keyless_LDADD = test/unit/libtestkit.la $(LIB_TEST_LIBS)
test_unit_test_quote_LDADD = test/unit/libtestkit.la $(LIB_TEST_LIBS)
test_unit_test_b64_LDADD = $(LIB_TEST_LIBS)
test_unit_test_buf_LDADD = $(LIB_TEST_LIBS)
test_unit_test_credential_LDADD = $(LIB_TEST_LIBS)
test_unit_test_dps_LDADD = test/unit/libtestkit.la $(LIB_TEST_LIBS)
test_unit_test_sas_LDADD = $(LIB_TEST_LIBS)
test_unit_test_duplicate_LDADD = test/unit/libtestkit.la $(LIB_TEST_LIBS)
test_unit_test_der_LDADD = $(LIB_TEST_LIBS)
test_unit_test_ekcert_LDADD = test/unit/libtestkit.la $(LIB_TEST_LIBS)
test_unit_test_err_LDADD = $(LIB_TEST_LIBS)
test_unit_test_gcm_LDADD = $(LIB_TEST_LIBS)
test_unit_test_jws_LDADD = $(LIB_TEST_LIBS)
test_unit_test_kdf_LDADD = $(LIB_TEST_LIBS)
test_unit_test_keyfile_LDADD = $(LIB_TEST_LIBS)
test_unit_test_keyrules_LDADD = test/unit/libtestkit.la $(LIB_TEST_LIBS)
test_unit_test_nomem_LDADD = $(LIB_TEST_LIBS)
test_unit_test_pcrset_LDADD = $(LIB_TEST_LIBS)
test_unit_test_policy_LDADD = $(LIB_TEST_LIBS)
test_unit_test_public_LDADD = $(LIB_TEST_LIBS)
test_unit_test_roca_LDADD = $(LIB_TEST_LIBS)
test_unit_test_rsapad_LDADD = $(LIB_TEST_LIBS)
test_unit_test_signature_LDADD = $(LIB_TEST_LIBS)
test_unit_test_template_LDADD = $(LIB_TEST_LIBS)
test_unit_test_uri_LDADD = $(LIB_TEST_LIBS)
endif
EXTRA_DIST += test/vectors
