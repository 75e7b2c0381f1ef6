# SPDX-License-Identifier: Apache-2.0
# Scripts that run everything against a software TPM; ./check runs them.
check_PROGRAMS += test/integration/tpmcount
test_integration_tpmcount_SOURCES = test/integration/tpmcount.c
test_integration_tpmcount_CFLAGS = $(AM_CFLAGS) $(MU_CFLAGS)
test_integration_tpmcount_LDADD = $(MU_LIBS)
EXTRA_DIST += test/install-packages test/servers.sh test/softtpm.sh \
	test/integration/counts.sh test/integration/lib.sh \
	test/integration/test_attacks.sh test/integration/test_ca_backup.sh test/integration/test_ca_cli.sh \
	test/integration/test_ca_ekcrl.sh test/integration/test_ca_hook.sh \
	test/integration/test_ca_hsm.sh test/integration/test_ca_kill.sh \
	test/integration/test_ca_lifecycle.sh \
	test/integration/test_ca_operate.sh \
	test/integration/test_ca_pcr.sh \
	test/integration/test_completion.sh \
	test/integration/test_counts.sh test/integration/test_docs.sh \
	test/integration/test_dps.sh \
	test/integration/test_dps_hostile.sh test/integration/dps_hostile.py \
	test/integration/test_dps_node.sh test/integration/dps_node.js \
	test/integration/test_e2e_enrol.sh \
	test/integration/test_e2e_mtls.sh \
	test/integration/test_e2e_refusals.sh \
	test/integration/test_e2e_wire.sh \
	test/integration/test_enroll_auth.sh \
	test/integration/test_enroll_doctor.sh \
	test/integration/test_enroll_errors.sh \
	test/integration/test_enroll_kill.sh \
	test/integration/test_enroll_proxy.sh \
	test/integration/test_enroll_quote.sh \
	test/integration/test_enroll_renew.sh \
	test/integration/test_examples.sh \
	test/integration/test_factory.sh \
	test/integration/test_operations.sh \
	test/integration/test_message.sh \
	test/integration/test_secret.sh test/integration/test_token.sh test/integration/test_token_verify.sh \
	test/integration/forge_jwt.py \
	test/integration/socket_activation.py test/integration/wire_client.py

# doc/OPERATIONS.md with as many devices as it says: half an hour and more.
.PHONY: check-operations
check-operations: all test/integration/tpmcount
	TPMIOT_BUILDDIR=$(abs_top_builddir) TPMIOT_OPERATIONS_UNITS=1000 \
	    bash $(top_srcdir)/test/integration/test_operations.sh

# The CA's key in SoftHSM, behind a pkcs11-provider that is built aside: PKCS11_PROVIDER is its module.
.PHONY: check-hsm
check-hsm: all test/integration/tpmcount
	TPMIOT_BUILDDIR=$(abs_top_builddir) PKCS11_PROVIDER="$(PKCS11_PROVIDER)" \
	    bash $(top_srcdir)/test/integration/test_ca_hsm.sh

# The line's script with 200 software TPMs: some minutes.
.PHONY: check-factory
check-factory: all test/integration/tpmcount
	TPMIOT_BUILDDIR=$(abs_top_builddir) TPMIOT_FACTORY_UNITS=200 \
	    bash $(top_srcdir)/test/integration/test_factory.sh

# Ten thousand registrations begun and never finished, a hundred killed.
.PHONY: check-dps
check-dps: all test/integration/tpmcount
	TPMIOT_BUILDDIR=$(abs_top_builddir) TPMIOT_DPS_BEGUN=10000 TPMIOT_DPS_KILLS=100 \
	    bash $(top_srcdir)/test/integration/test_dps_hostile.sh
