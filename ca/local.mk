# SPDX-License-Identifier: Apache-2.0
# tpmiot-ca: a tiny main.c and a convenience library that the tests link.
CA_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS) $(SSL_CFLAGS) $(MU_CFLAGS) $(EVENT_CFLAGS) \
	$(SQLITE_CFLAGS) $(JANSSON_CFLAGS)

noinst_LTLIBRARIES += ca/libtpmiot-ca.la
ca_libtpmiot_ca_la_CPPFLAGS = $(AM_CPPFLAGS) -DCA_TRUSTDIR='"$(trustdir)"'
ca_libtpmiot_ca_la_CFLAGS = $(CA_CFLAGS)
ca_libtpmiot_ca_la_LIBADD = lib/libtpmiot.la $(CRYPTO_LIBS) $(SSL_LIBS) $(EVENT_LIBS) \
	$(SQLITE_LIBS) $(JANSSON_LIBS)
ca_libtpmiot_ca_la_SOURCES = \
	ca/file.c ca/file.h ca/vault.c ca/vault.h ca/json.c ca/json.h ca/log.c ca/log.h \
	ca/cmd/check.h ca/cmd/check_vault.c ca/cmd/cli.c ca/cmd/cli.h ca/cmd/cli_options.c ca/cmd/cmd.h ca/cmd/cmd_allow.c ca/cmd/cmd_backup.c \
	ca/cmd/cmd_audit.c ca/cmd/cmd_cert.c ca/cmd/cmd_check.c ca/cmd/cmd_crl.c \
	ca/cmd/cmd_device.c ca/cmd/cmd_dps.c ca/cmd/cmd_device_key.c ca/cmd/cmd_ek.c ca/cmd/cmd_import.c ca/cmd/cmd_init.c \
	ca/cmd/cmd_join.c ca/cmd/cmd_message.c ca/cmd/cmd_pcr.c ca/cmd/cmd_secret.c ca/cmd/cmd_serve.c ca/cmd/cmd_token.c ca/cmd/cmd_trust.c ca/cmd/cmd_upgrade.c ca/cmd/ekarg.c ca/cmd/ekarg.h \
	ca/cmd/init.h ca/cmd/init_cert.c ca/cmd/out.c ca/cmd/out.h \
	ca/config/config.c ca/config/config.h ca/config/config_keys.c ca/config/config_keys.h ca/config/guard.c ca/config/guard.h \
	ca/config/config_sections.c ca/config/words.c ca/config/words.h \
	ca/dps/dps.c ca/dps/dps.h ca/dps/dps_int.h ca/dps/hub.c ca/dps/hub.h ca/dps/path.c \
	ca/dps/path.h ca/dps/recent.c ca/dps/recent.h ca/dps/regkey.c ca/dps/regkey.h ca/dps/step_register.c \
	ca/dps/step_result.c ca/dps/subject.c ca/dps/wire.c ca/dps/wire.h \
	ca/enrol/admit.c ca/enrol/admit.h ca/enrol/api.c ca/enrol/api.h ca/enrol/api_int.h \
	ca/enrol/client.c ca/enrol/decide.c ca/enrol/evidence.c ca/enrol/evidence.h \
	ca/enrol/hook.c ca/enrol/hook.h ca/enrol/issue_hook.c ca/enrol/issue_int.h \
	ca/enrol/issue_proof.c ca/enrol/issue_record.c ca/http/child.c ca/http/child.h \
	ca/enrol/problem.c ca/enrol/problem.h ca/enrol/quote.c ca/enrol/quote.h ca/enrol/seal.c ca/enrol/seal.h \
	ca/enrol/step_attest.c ca/enrol/step_issue.c ca/enrol/step_renew.c ca/enrol/steps.c \
	ca/enrol/ticket.c ca/enrol/ticket.h ca/enrol/wire.c ca/enrol/wire.h \
	ca/http/address.c ca/http/address.h ca/http/handshake.c ca/http/handshake.h \
	ca/http/hold.c ca/http/hold.h ca/http/http_int.h ca/http/http_request.c ca/http/plain.c ca/http/plain.h \
	ca/enrol/metrics.c ca/enrol/metrics.h ca/enrol/monitor.c \
	ca/http/http.c ca/http/http.h ca/http/limit.c ca/http/limit.h ca/http/server.c ca/http/systemd.c ca/http/systemd.h \
	ca/http/server.h ca/http/tls.c ca/http/tls.h \
	ca/pki/crl.c ca/pki/crl.h ca/pki/ekcrls.c ca/pki/ekcrls.h ca/pki/ident.c ca/pki/ident.h ca/pki/issue.c ca/pki/issue.h \
	ca/pki/keyuri.c ca/pki/keyuri.h ca/pki/links.c ca/pki/links.h ca/pki/profile.c ca/pki/profile.h ca/pki/roots.c \
	ca/pki/roots.h ca/pki/signer.c ca/pki/x509.c ca/pki/x509.h ca/pki/x509_name.c \
	ca/secret/deliver.c ca/secret/deliver.h ca/secret/atrest.c ca/secret/atrest.h \
	ca/store/store.c ca/store/store.h ca/store/store_allow.c ca/store/store_audit.c \
	ca/store/store_backup.c \
	ca/store/store_cert.c ca/store/store_counts.c ca/store/store_crl.c ca/store/store_device.c ca/store/store_dps.c ca/store/store_import.c ca/store/store_int.h \
	ca/store/store_key.c ca/store/store_pcr.c ca/store/store_root.c ca/store/store_schema.c ca/store/store_seal.c ca/store/store_secret.c \
	ca/store/store_stmt.c ca/store/store_token.c \
	ca/token/bearer.c ca/token/bearer.h ca/token/devkey.c ca/token/devkey.h ca/token/jwt.c \
	ca/token/jwt.h ca/token/message.h ca/token/message_cms.c ca/token/message_jws.c \
	ca/token/signed.c ca/token/signed.h ca/token/verify_jwt.c ca/token/verify_sas.c

bin_PROGRAMS += ca/tpmiot-ca
ca_tpmiot_ca_CFLAGS = $(CA_CFLAGS)
ca_tpmiot_ca_LDFLAGS = $(AM_LDFLAGS) $(PIE_LDFLAGS)
ca_tpmiot_ca_LDADD = ca/libtpmiot-ca.la
ca_tpmiot_ca_SOURCES = ca/main.c
