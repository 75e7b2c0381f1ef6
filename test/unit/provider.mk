# SPDX-License-Identifier: Apache-2.0
# The module itself, as libcrypto loads it, without a TPM.
if HAVE_CMOCKA
if !SANITIZERS
check_PROGRAMS += test/unit/test_provider
TESTS += test/unit/test_provider
test_unit_test_provider_CPPFLAGS = $(AM_CPPFLAGS) \
	-DMODULE_DIR='"$(abs_top_builddir)/provider/.libs"' \
	-DVECTOR_DIR='"$(abs_top_srcdir)/test/vectors/keyfile"'
test_unit_test_provider_LDADD = $(CMOCKA_LIBS) $(CRYPTO_LIBS)
endif
endif
