# SPDX-License-Identifier: Apache-2.0
# tpmiot-ca: one line for each test; its source is test/unit/NAME.c.
noinst_HEADERS += test/unit/ca_test.h test/unit/enrolkit.h
if HAVE_CMOCKA
ca_tests = \
	test/unit/test_ca_cli \
	test/unit/test_ca_config \
	test/unit/test_ca_ekarg \
	test/unit/test_ca_store \
	test/unit/test_ca_wire \
	test/unit/test_ca_seal \
	test/unit/test_ca_limit \
	test/unit/test_ca_links \
	test/unit/test_ca_backup \
	test/unit/test_ca_hook \
	test/unit/test_ca_monitor \
	test/unit/test_ca_admit \
	test/unit/test_ca_api \
	test/unit/test_ca_refusals \
	test/unit/test_ca_pcr \
	test/unit/test_ca_renew \
	test/unit/test_ca_dps \
	test/unit/test_ca_secret \
	test/unit/test_ca_crl \
	test/unit/test_ca_profile \
	test/unit/test_ca_http \
	test/unit/test_ca_token \
	test/unit/test_ca_x509
check_PROGRAMS += $(ca_tests)
TESTS += $(ca_tests)

CA_TEST_CFLAGS = $(CA_CFLAGS) $(CMOCKA_CFLAGS)
CA_TEST_LDADD = ca/libtpmiot-ca.la $(CMOCKA_LIBS)

test_unit_test_ca_cli_CFLAGS = $(CA_TEST_CFLAGS)
test_unit_test_ca_cli_LDADD = $(CA_TEST_LDADD)

test_unit_test_ca_ekarg_CFLAGS = $(CA_TEST_CFLAGS)
test_unit_test_ca_ekarg_LDADD = $(CA_TEST_LDADD)

test_unit_test_ca_config_CFLAGS = $(CA_TEST_CFLAGS)
test_unit_test_ca_config_LDADD = $(CA_TEST_LDADD)

test_unit_test_ca_store_CFLAGS = $(CA_TEST_CFLAGS)
test_unit_test_ca_store_LDADD = $(CA_TEST_LDADD)

test_unit_test_ca_token_CFLAGS = $(CA_TEST_CFLAGS)
test_unit_test_ca_token_LDADD = $(CA_TEST_LDADD)

test_unit_test_ca_x509_CFLAGS = $(CA_TEST_CFLAGS)
test_unit_test_ca_x509_LDADD = $(CA_TEST_LDADD)

test_unit_test_ca_wire_CFLAGS = $(CA_TEST_CFLAGS)
test_unit_test_ca_wire_LDADD = $(CA_TEST_LDADD)

test_unit_test_ca_seal_CFLAGS = $(CA_TEST_CFLAGS)
test_unit_test_ca_seal_LDADD = $(CA_TEST_LDADD)

test_unit_test_ca_links_CFLAGS = $(CA_TEST_CFLAGS)
test_unit_test_ca_links_LDADD = test/unit/libtestkit.la $(CA_TEST_LDADD)
test_unit_test_ca_limit_CFLAGS = $(CA_TEST_CFLAGS)
test_unit_test_ca_limit_LDADD = $(CA_TEST_LDADD)

test_unit_test_ca_hook_SOURCES = test/unit/test_ca_hook.c test/unit/enrolkit.c
test_unit_test_ca_hook_CFLAGS = $(CA_TEST_CFLAGS)
test_unit_test_ca_hook_LDADD = test/unit/libtestkit.la $(CA_TEST_LDADD)

test_unit_test_ca_backup_SOURCES = test/unit/test_ca_backup.c test/unit/enrolkit.c
test_unit_test_ca_backup_CFLAGS = $(CA_TEST_CFLAGS)
test_unit_test_ca_backup_LDADD = test/unit/libtestkit.la $(CA_TEST_LDADD)

test_unit_test_ca_monitor_SOURCES = test/unit/test_ca_monitor.c test/unit/enrolkit.c
test_unit_test_ca_monitor_CFLAGS = $(CA_TEST_CFLAGS)
test_unit_test_ca_monitor_LDADD = test/unit/libtestkit.la $(CA_TEST_LDADD)

test_unit_test_ca_admit_CFLAGS = $(CA_TEST_CFLAGS)
test_unit_test_ca_admit_LDADD = $(CA_TEST_LDADD)

# Whole enrolments, with a software TPM.
test_unit_test_ca_api_SOURCES = test/unit/test_ca_api.c test/unit/enrolkit.c
test_unit_test_ca_api_CFLAGS = $(CA_TEST_CFLAGS)
test_unit_test_ca_api_LDADD = test/unit/libtestkit.la $(CA_TEST_LDADD)

test_unit_test_ca_profile_SOURCES = test/unit/test_ca_profile.c test/unit/enrolkit.c
test_unit_test_ca_profile_CFLAGS = $(CA_TEST_CFLAGS)
test_unit_test_ca_profile_LDADD = test/unit/libtestkit.la $(CA_TEST_LDADD)

test_unit_test_ca_crl_SOURCES = test/unit/test_ca_crl.c test/unit/enrolkit.c
test_unit_test_ca_crl_CFLAGS = $(CA_TEST_CFLAGS)
test_unit_test_ca_crl_LDADD = test/unit/libtestkit.la $(CA_TEST_LDADD)

test_unit_test_ca_pcr_SOURCES = test/unit/test_ca_pcr.c test/unit/enrolkit.c
test_unit_test_ca_pcr_CFLAGS = $(CA_TEST_CFLAGS)
test_unit_test_ca_pcr_LDADD = test/unit/libtestkit.la $(CA_TEST_LDADD)

test_unit_test_ca_secret_SOURCES = test/unit/test_ca_secret.c test/unit/enrolkit.c
test_unit_test_ca_secret_CFLAGS = $(CA_TEST_CFLAGS)
test_unit_test_ca_secret_LDADD = test/unit/libtestkit.la $(CA_TEST_LDADD)

test_unit_test_ca_renew_SOURCES = test/unit/test_ca_renew.c test/unit/enrolkit.c
test_unit_test_ca_renew_CFLAGS = $(CA_TEST_CFLAGS)
test_unit_test_ca_renew_LDADD = test/unit/libtestkit.la $(CA_TEST_LDADD)

# Whole enrolments, with a software TPM.
test_unit_test_ca_refusals_SOURCES = test/unit/test_ca_refusals.c test/unit/enrolkit.c
test_unit_test_ca_refusals_CFLAGS = $(CA_TEST_CFLAGS)
test_unit_test_ca_refusals_LDADD = test/unit/libtestkit.la $(CA_TEST_LDADD)

test_unit_test_ca_dps_SOURCES = test/unit/test_ca_dps.c test/unit/enrolkit.c
test_unit_test_ca_dps_CFLAGS = $(CA_TEST_CFLAGS)
test_unit_test_ca_dps_LDADD = test/unit/libtestkit.la $(CA_TEST_LDADD)

test_unit_test_ca_http_CFLAGS = $(CA_TEST_CFLAGS) $(PTHREAD_CFLAGS)
test_unit_test_ca_http_LDADD = test/unit/libtestkit.la $(CA_TEST_LDADD) $(PTHREAD_LIBS)
endif
