# SPDX-License-Identifier: Apache-2.0
# Hostile enrolments against a running CA; test/integration/test_attacks.sh runs them.
if ENABLE_CA
if HAVE_CMOCKA
check_PROGRAMS += test/attack/attack
test_attack_attack_SOURCES = test/attack/main.c test/attack/attack.h \
	test/attack/fields.c \
	test/attack/ek.c \
	test/attack/ek_cert.c \
	test/attack/ak_key.c \
	test/attack/certify.c \
	test/attack/session.c \
	test/attack/quote.c \
	test/attack/parent.c \
	test/attack/operator.c \
	test/attack/http.c
test_attack_attack_CFLAGS = $(CA_CFLAGS) $(CMOCKA_CFLAGS)
test_attack_attack_LDADD = test/wire/libwire.la

# Another clock for the CA, by LD_PRELOAD. (-rpath: see test/tcti/local.mk)
check_LTLIBRARIES += test/attack/libclock.la
test_attack_libclock_la_SOURCES = test/attack/clock.c
test_attack_libclock_la_CFLAGS = -O2
test_attack_libclock_la_LDFLAGS = -module -avoid-version -shared -rpath $(abs_builddir)/test/attack
endif
endif
