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
	ca/address.c ca/address.h \
	ca/admit.c ca/admit.h \
	ca/api.c ca/api.h ca/api_int.h \
	ca/cli.c ca/cli_options.c ca/cli.h \
	ca/client.c \
	ca/cmd_allow.c \
	ca/cmd_audit.c \
	ca/cmd_cert.c \
	ca/cmd_check.c \
	ca/cmd_crl.c \
	ca/cmd_device.c ca/cmd.h \
	ca/cmd_ek.c \
	ca/cmd_import.c \
	ca/cmd_init.c \
	ca/cmd_join.c \
	ca/cmd_serve.c \
	ca/cmd_trust.c \
	ca/config.c ca/config.h \
	ca/config_keys.c ca/config_keys.h \
	ca/config_sections.c \
	ca/crl.c ca/crl.h \
	ca/decide.c \
	ca/ekarg.c ca/ekarg.h \
	ca/evidence.c ca/evidence.h \
	ca/file.c ca/file.h \
	ca/handshake.c ca/handshake.h \
	ca/http.c ca/http.h \
	ca/ident.c ca/ident.h \
	ca/init_cert.c ca/init.h \
	ca/issue.c ca/issue.h \
	ca/keyuri.c ca/keyuri.h \
	ca/limit.c ca/limit.h \
	ca/log.c ca/log.h \
	ca/out.c ca/out.h \
	ca/problem.c ca/problem.h \
	ca/profile.c ca/profile.h \
	ca/roots.c ca/roots.h \
	ca/seal.c ca/seal.h \
	ca/server.c ca/server.h \
	ca/signer.c \
	ca/step_attest.c ca/step_issue.c ca/step_renew.c ca/steps.c \
	ca/store.c ca/store.h ca/store_int.h \
	ca/store_allow.c \
	ca/store_audit.c \
	ca/store_cert.c \
	ca/store_crl.c \
	ca/store_device.c \
	ca/store_root.c \
	ca/store_schema.c \
	ca/store_seal.c \
	ca/store_stmt.c \
	ca/store_token.c \
	ca/ticket.c ca/ticket.h \
	ca/tls.c ca/tls.h \
	ca/wire.c ca/wire.h \
	ca/words.c ca/words.h \
	ca/x509.c ca/x509_name.c ca/x509.h

bin_PROGRAMS += ca/tpmiot-ca
ca_tpmiot_ca_CFLAGS = $(CA_CFLAGS)
ca_tpmiot_ca_LDFLAGS = $(AM_LDFLAGS) $(PIE_LDFLAGS)
ca_tpmiot_ca_LDADD = ca/libtpmiot-ca.la
ca_tpmiot_ca_SOURCES = ca/main.c
