# SPDX-License-Identifier: Apache-2.0
# A test is one line in the list and one that says what it is linked to.
LIB_TEST_LIBS = lib/libtpmiot.la $(CMOCKA_LIBS) $(CRYPTO_LIBS) $(MU_LIBS)
noinst_HEADERS += test/unit/unit.h
if HAVE_CMOCKA
AM_CPPFLAGS += $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS) $(MU_CFLAGS)
LIB_TESTS = \
	test/unit/test_credential \
	test/unit/test_keyfile \
	test/unit/test_signature \
	test/unit/test_uri
check_PROGRAMS += $(LIB_TESTS)
TESTS += $(LIB_TESTS)
test_unit_test_credential_LDADD = $(LIB_TEST_LIBS)
test_unit_test_keyfile_LDADD = $(LIB_TEST_LIBS)
test_unit_test_signature_LDADD = $(LIB_TEST_LIBS)
test_unit_test_uri_LDADD = $(LIB_TEST_LIBS)
endif
EXTRA_DIST += test/vectors
