# SPDX-License-Identifier: Apache-2.0
# tpmiot-enroll: a tiny main.c and a convenience library that the tests link.
noinst_LTLIBRARIES += enroll/libtpmiot-enroll.la
enroll_libtpmiot_enroll_la_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS) $(TSS_CFLAGS) \
	$(CURL_CFLAGS) $(JANSSON_CFLAGS) $(SSL_CFLAGS)
enroll_libtpmiot_enroll_la_LIBADD = provider/libtpmiot-provider.la tpm/libtpmiot-tpm.la lib/libtpmiot.la \
	$(CURL_LIBS) $(JANSSON_LIBS) $(SSL_LIBS) $(CRYPTO_LIBS) $(PTHREAD_LIBS)
enroll_libtpmiot_enroll_la_SOURCES = \
	enroll/cmd/cli.c enroll/cmd/cli.h enroll/cmd/cmd_doctor.c enroll/cmd/cmd_dps.c enroll/cmd/cmd_ek.c \
	enroll/cmd/cmd_enroll.c enroll/cmd/cmd_renew.c enroll/cmd/cmd_reset.c enroll/cmd/cmd_secret.c enroll/secret/kept.c enroll/secret/kept.h \
	enroll/cmd/cmd_status.c enroll/cmd/cmd_token.c enroll/cmd/describe.c \
	enroll/cmd/describe.h enroll/cmd/duration.c enroll/cmd/duration.h enroll/cmd/opts.c \
	enroll/cmd/opts.h enroll/cmd/progress.c enroll/cmd/ui.c enroll/cmd/ui.h \
	enroll/doctor/doctor.h enroll/doctor/doctor_ca.c enroll/doctor/doctor_openssl.c \
	enroll/doctor/doctor_state.c enroll/doctor/doctor_tpm.c \
	enroll/dps/keep.c enroll/dps/keep.h enroll/dps/record.c enroll/dps/record.h \
	enroll/dps/register.c enroll/dps/register.h enroll/dps/unwrap.c enroll/dps/unwrap.h \
	enroll/dps/wire.c enroll/dps/wire.h \
	enroll/enrol/certs.c enroll/enrol/certs.h enroll/enrol/csr.c enroll/enrol/csr.h \
	enroll/enrol/ekpick.c enroll/enrol/ekpick.h enroll/enrol/flow.c enroll/enrol/flow.h \
	enroll/enrol/keys.c enroll/enrol/keys.h enroll/enrol/renewal.c enroll/enrol/renewal.h \
	enroll/enrol/secret.c enroll/enrol/secret.h enroll/enrol/step.c enroll/enrol/step.h \
	enroll/enrol/token.c enroll/enrol/token.h \
	enroll/net/cafile.c enroll/net/cafile.h \
	enroll/net/exchange.c enroll/net/exchange.h enroll/net/http.c enroll/net/http.h enroll/net/json.c enroll/net/json.h \
	enroll/net/msg.c enroll/net/msg.h enroll/net/mtls.c enroll/net/mtls.h \
	enroll/net/pin.c enroll/net/pin.h enroll/net/retry.c enroll/net/retry.h \
	enroll/net/server.c enroll/net/server.h enroll/net/url.c enroll/net/url.h \
	enroll/state/journal.c enroll/state/journal.h enroll/state/pending.c \
	enroll/state/pending.h enroll/state/state.c enroll/state/state.h \
	enroll/token/claims.c enroll/token/claims.h enroll/token/clock.c enroll/token/clock.h \
	enroll/token/exec.c enroll/token/exec.h enroll/token/jws.c enroll/token/jws.h \
	enroll/token/jwt.c enroll/token/sas.c enroll/token/signer.c enroll/token/signer.h enroll/token/token.h

bin_PROGRAMS += enroll/tpmiot-enroll
enroll_tpmiot_enroll_SOURCES = enroll/main.c
enroll_tpmiot_enroll_LDFLAGS = $(AM_LDFLAGS) $(PIE_LDFLAGS)
enroll_tpmiot_enroll_LDADD = enroll/libtpmiot-enroll.la
