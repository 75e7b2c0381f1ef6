# SPDX-License-Identifier: Apache-2.0
# A client of our own for tests that speak to a running CA.
if ENABLE_CA
if HAVE_CMOCKA
check_LTLIBRARIES += test/wire/libwire.la
test_wire_libwire_la_SOURCES = test/wire/wire.c test/wire/wire.h \
	test/unit/enrolkit.c
test_wire_libwire_la_CFLAGS = $(CA_CFLAGS) $(CMOCKA_CFLAGS)
test_wire_libwire_la_LIBADD = test/unit/libtestkit.la ca/libtpmiot-ca.la $(CMOCKA_LIBS)
endif
endif
