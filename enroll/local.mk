# SPDX-License-Identifier: Apache-2.0
# tpmiot-enroll: a tiny main.c and a convenience library that the tests link.
noinst_LTLIBRARIES += enroll/libtpmiot-enroll.la
enroll_libtpmiot_enroll_la_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS) $(TSS_CFLAGS) \
	$(CURL_CFLAGS) $(JANSSON_CFLAGS) $(SSL_CFLAGS)
enroll_libtpmiot_enroll_la_LIBADD = provider/libtpmiot-provider.la tpm/libtpmiot-tpm.la lib/libtpmiot.la \
	$(CURL_LIBS) $(JANSSON_LIBS) $(SSL_LIBS) $(CRYPTO_LIBS) $(PTHREAD_LIBS)
enroll_libtpmiot_enroll_la_SOURCES = \
	enroll/certs.c enroll/certs.h \
	enroll/cli.c enroll/cli.h \
	enroll/cmd_doctor.c \
	enroll/cmd_ek.c \
	enroll/cmd_enroll.c \
	enroll/cmd_renew.c \
	enroll/cmd_reset.c \
	enroll/cmd_status.c \
	enroll/csr.c enroll/csr.h \
	enroll/describe.c enroll/describe.h \
	enroll/doctor.h \
	enroll/doctor_ca.c \
	enroll/doctor_openssl.c \
	enroll/doctor_state.c \
	enroll/doctor_tpm.c \
	enroll/ekpick.c enroll/ekpick.h \
	enroll/exchange.c enroll/exchange.h \
	enroll/flow.c enroll/flow.h \
	enroll/http.c enroll/http.h \
	enroll/journal.c enroll/journal.h \
	enroll/keys.c enroll/keys.h \
	enroll/msg.c enroll/msg.h \
	enroll/mtls.c enroll/mtls.h \
	enroll/opts.c enroll/opts.h \
	enroll/pending.c enroll/pending.h \
	enroll/progress.c \
	enroll/renewal.c enroll/renewal.h \
	enroll/secret.c enroll/secret.h \
	enroll/server.c enroll/server.h \
	enroll/state.c enroll/state.h \
	enroll/step.c enroll/step.h \
	enroll/token.c enroll/token.h \
	enroll/ui.c enroll/ui.h \
	enroll/url.c enroll/url.h

bin_PROGRAMS += enroll/tpmiot-enroll
enroll_tpmiot_enroll_SOURCES = enroll/main.c
enroll_tpmiot_enroll_LDFLAGS = $(AM_LDFLAGS) $(PIE_LDFLAGS)
enroll_tpmiot_enroll_LDADD = enroll/libtpmiot-enroll.la
