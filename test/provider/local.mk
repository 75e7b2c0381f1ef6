# SPDX-License-Identifier: Apache-2.0
# Each needs a software TPM of its own: run by ./check, see test/integration/lib.sh.
EXTRA_DIST += \
	test/provider/keyfile.sh \
	test/provider/keys.sh \
	test/provider/test_keyfile_parent.sh \
	test/provider/test_keyfile_peers.sh \
	test/provider/test_keyfile_policy.sh \
	test/provider/test_keyfile_reference.sh \
	test/provider/test_keyfile_sealed.sh \
	test/provider/test_keys.sh \
	test/provider/test_sign.sh \
	test/provider/test_refuse.sh \
	test/provider/test_tls.sh \
	test/provider/test_programs.sh

check_PROGRAMS += test/provider/unseal
test_provider_unseal_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
test_provider_unseal_LDADD = tpm/libtpmiot-tpm.la $(CRYPTO_LIBS)
