# SPDX-License-Identifier: Apache-2.0
# Each needs a software TPM of its own: run by ./check, see test/integration/lib.sh.
EXTRA_DIST += \
	test/provider/keyfile.sh \
	test/provider/keys.sh \
	test/provider/odd.sh \
	test/provider/test_keyfile_parent.sh \
	test/provider/test_keyfile_peers.sh \
	test/provider/test_keyfile_policy.sh \
	test/provider/test_keyfile_reference.sh \
	test/provider/test_keyfile_sealed.sh \
	test/provider/test_certs.sh \
	test/provider/test_duplicate.sh \
	test/provider/test_decrypt.sh \
	test/provider/test_ecdh.sh \
	test/provider/test_evp.sh \
	test/provider/test_interop.sh \
	test/provider/test_keys.sh \
	test/provider/test_often.sh \
	test/provider/test_seed.sh \
	test/provider/test_sign.sh \
	test/provider/test_refuse.sh \
	test/provider/test_tls.sh \
	test/provider/test_programs.sh \
	test/provider/test_quiet.sh \
	test/provider/test_bus.sh \
	test/provider/test_faults.sh \
	test/provider/test_fork.sh \
	test/provider/test_full_tpm.sh \
	test/provider/scenarios.sh \
	test/provider/test_nomem.sh \
	test/provider/test_reload.sh \
	test/provider/test_reset.sh \
	test/provider/test_threads.sh

# Applications for the scripts: linked to libcrypto alone.
check_PROGRAMS += test/provider/evp test/provider/odd test/provider/store test/provider/sweep
test_provider_evp_SOURCES = test/provider/evp.c test/provider/keyuser.c test/provider/keyuser.h
test_provider_evp_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
test_provider_evp_LDADD = $(CRYPTO_LIBS)
test_provider_store_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
test_provider_store_LDADD = $(CRYPTO_LIBS)
test_provider_odd_SOURCES = test/provider/odd.c test/provider/keyuser.c test/provider/keyuser.h
test_provider_odd_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
test_provider_odd_LDADD = $(CRYPTO_LIBS) $(PTHREAD_LIBS)
# But for unsealing, which only the device layer does.
SCENARIOS = test/provider/scenario.c test/provider/scenario.h test/provider/memory.c \
	test/provider/memory.h test/provider/keyuser.c test/provider/keyuser.h \
	test/provider/unsealer.c test/provider/unsealer.h
test_provider_sweep_SOURCES = test/provider/sweep.c $(SCENARIOS)
test_provider_sweep_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
test_provider_sweep_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS) $(MU_CFLAGS)
test_provider_sweep_LDADD = tpm/libtpmiot-tpm.la $(CRYPTO_LIBS) -ldl
check_PROGRAMS += test/provider/dry
test_provider_dry_SOURCES = test/provider/dry.c $(SCENARIOS)
test_provider_dry_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS) $(MU_CFLAGS)
test_provider_dry_LDADD = tpm/libtpmiot-tpm.la $(CRYPTO_LIBS)

check_PROGRAMS += test/provider/handshakes
test_provider_handshakes_CFLAGS = $(AM_CFLAGS) $(SSL_CFLAGS)
test_provider_handshakes_LDADD = $(SSL_LIBS) $(CRYPTO_LIBS) $(PTHREAD_LIBS)

# The long forms of what ./check runs in a short one.
check-faults: all $(check_PROGRAMS) $(check_LTLIBRARIES)
	TPMIOT_LONG=1 TPMIOT_BUILDDIR=$(abs_builddir) bash $(srcdir)/test/provider/test_faults.sh
check-nomem: all $(check_PROGRAMS) $(check_LTLIBRARIES)
	TPMIOT_LONG=1 TPMIOT_BUILDDIR=$(abs_builddir) bash $(srcdir)/test/provider/test_nomem.sh
check-odd: all $(check_PROGRAMS) $(check_LTLIBRARIES)
	for t in fork threads full_tpm reload; do TPMIOT_LONG=1 TPMIOT_BUILDDIR=$(abs_builddir) \
	    bash $(srcdir)/test/provider/test_$$t.sh || exit 1; done
.PHONY: check-faults check-nomem check-odd

check_PROGRAMS += test/provider/unseal
test_provider_unseal_SOURCES = test/provider/unseal.c test/provider/unsealer.c test/provider/unsealer.h
test_provider_unseal_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
test_provider_unseal_LDADD = tpm/libtpmiot-tpm.la $(CRYPTO_LIBS)

check_PROGRAMS += test/provider/duplicate
test_provider_duplicate_SOURCES = test/provider/duplicate.c
test_provider_duplicate_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS) $(MU_CFLAGS)
test_provider_duplicate_LDADD = lib/libtpmiot.la $(CRYPTO_LIBS) $(MU_LIBS)
