# SPDX-License-Identifier: Apache-2.0
# A TCTI library for the tests, loaded by its path: see fault.h. (-rpath makes libtool
# build a shared library of what is never installed; nodelete keeps
# what is armed when tctildr closes the library.)
check_LTLIBRARIES += test/tcti/libtss2-tcti-fault.la
test_tcti_libtss2_tcti_fault_la_SOURCES = test/tcti/fault.c test/tcti/fault.h
test_tcti_libtss2_tcti_fault_la_CFLAGS = $(AM_CFLAGS) $(TSS_CFLAGS)
test_tcti_libtss2_tcti_fault_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared \
	-Wl,-z,nodelete \
	-rpath $(abs_builddir)/test/tcti
test_tcti_libtss2_tcti_fault_la_LIBADD = $(TSS_LIBS) $(PTHREAD_LIBS)
