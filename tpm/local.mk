# SPDX-License-Identifier: Apache-2.0
# The device: connection, sessions, keys, EK and NV discovery, state directory.
noinst_LTLIBRARIES += tpm/libtpmiot-tpm.la
tpm_libtpmiot_tpm_la_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS) $(TSS_CFLAGS)
tpm_libtpmiot_tpm_la_LIBADD = lib/libtpmiot.la $(TSS_LIBS) $(PTHREAD_LIBS)
tpm_libtpmiot_tpm_la_SOURCES = \
	tpm/assure.c \
	tpm/assure.h \
	tpm/certify.c \
	tpm/conn.c \
	tpm/conn.h \
	tpm/decrypt.c \
	tpm/ek.c \
	tpm/exec.c \
	tpm/hash.c \
	tpm/hierarchy.c \
	tpm/import.c \
	tpm/import.h \
	tpm/key.c \
	tpm/key.h \
	tpm/keyload.c \
	tpm/keysign.c \
	tpm/keyuse.c \
	tpm/lock.c \
	tpm/lock.h \
	tpm/object.c \
	tpm/opentcti.c \
	tpm/opentcti.h \
	tpm/parent.c \
	tpm/parent.h \
	tpm/pcr.c \
	tpm/policy.c \
	tpm/policy.h \
	tpm/query.c \
	tpm/random.c \
	tpm/rc.c \
	tpm/relay.c \
	tpm/relay.h \
	tpm/room.c \
	tpm/salt.c \
	tpm/session.c \
	tpm/session.h \
	tpm/sessionauth.c \
	tpm/sign.c \
	tpm/statedir.c \
	tpm/tcti.c \
	tpm/tcti.h
