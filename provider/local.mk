# SPDX-License-Identifier: Apache-2.0
# The OpenSSL module: dispatch tables and the thin functions behind them.
ossl_modulesdir = $(modulesdir)
ossl_modules_LTLIBRARIES = provider/tpmiot.la
# What the module does not use of lib and tpm stays out of it.
provider_tpmiot_la_LDFLAGS = $(AM_LDFLAGS) -Wl,--gc-sections -module -avoid-version -shared \
	-export-symbols-regex '^OSSL_provider_init$$'
provider_tpmiot_la_LIBADD = provider/libtpmiot-provider.la
provider_tpmiot_la_SOURCES =

# Nobody links a module, so libtool's archive of it is for nobody; its own uninstall goes by that.
drop-module-archive:
	rm -f '$(DESTDIR)$(ossl_modulesdir)'/tpmiot.la
uninstall-module:
	rm -f '$(DESTDIR)$(ossl_modulesdir)'/tpmiot.so
.PHONY: drop-module-archive uninstall-module

# All of it: the module, and inside tpmiot-enroll.
noinst_LTLIBRARIES += provider/libtpmiot-provider.la
provider_libtpmiot_provider_la_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS) $(TSS_CFLAGS)
provider_libtpmiot_provider_la_LIBADD = tpm/libtpmiot-tpm.la $(CRYPTO_LIBS) \
	$(TSS_LIBS) $(PTHREAD_LIBS)
provider_libtpmiot_provider_la_SOURCES = \
	provider/asymcipher.c \
	provider/auth.c \
	provider/auth.h \
	provider/bio.c \
	provider/bio.h \
	provider/builtin.h \
	provider/capabilities.c \
	provider/capabilities.h \
	provider/cipher.h \
	provider/ctx.c \
	provider/decoder.c \
	provider/decoder_spki.c \
	provider/encoder.c \
	provider/err.c \
	provider/exchange.c \
	provider/keygen.c \
	provider/keygen.h \
	provider/keygen_tpm.c \
	provider/keymgmt.c \
	provider/keymgmt.h \
	provider/load.c \
	provider/load.h \
	provider/objects.c \
	provider/objects.h \
	provider/params.c \
	provider/peers.c \
	provider/peers.h \
	provider/pkey.c \
	provider/pkey.h \
	provider/prov.c \
	provider/prov.h \
	provider/rawsign.c \
	provider/scheme.c \
	provider/seed.c \
	provider/sig.h \
	provider/sigalg.c \
	provider/signature.c \
	provider/store.c \
	provider/store_delete.c \
	provider/store_file.c \
	provider/tables.h \
	provider/tpmdecrypt.c \
	provider/tpmsign.c
