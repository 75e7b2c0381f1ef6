# SPDX-License-Identifier: Apache-2.0
# Pure functions over libcrypto and tss2-mu: no device, socket, file, clock, environment.
noinst_LTLIBRARIES += lib/libtpmiot.la
lib_libtpmiot_la_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS) $(MU_CFLAGS)
lib_libtpmiot_la_LIBADD = $(CRYPTO_LIBS) $(MU_LIBS)
lib_libtpmiot_la_SOURCES = \
	lib/alg.c \
	lib/attest.c \
	lib/b64.c \
	lib/buf.c \
	lib/credential.c \
	lib/curve.c \
	lib/curve.h \
	lib/der.c \
	lib/device_id.c \
	lib/dps.c \
	lib/duplicate.c \
	lib/ekcert.c \
	lib/ekpath.c \
	lib/ekprofile.c \
	lib/err.c \
	lib/gcm.c \
	lib/kdf.c \
	lib/jws.c \
	lib/keyfile.c \
	lib/keyfile_asn1.c \
	lib/keyfile_asn1.h \
	lib/keyfile_extra.c \
	lib/keyfile_pem.c \
	lib/keyless.c \
	lib/keyrules.c \
	lib/outerwrap.c \
	lib/outerwrap.h \
	lib/pcrset.c \
	lib/policy.c \
	lib/public.c \
	lib/roca.c \
	lib/rsapad.h \
	lib/rsapad_decrypt.c \
	lib/rsapad_sign.c \
	lib/sas.c \
	lib/signature.c \
	lib/spki.c \
	lib/spki.h \
	lib/template.c \
	lib/uri.c
