# SPDX-License-Identifier: Apache-2.0
# Unit tests (cmocka, no TPM) run by `make check`; the others need swtpm and are
# run by ./check.
include test/unit/lib.mk
include test/unit/tpm.mk
include test/unit/provider.mk
if ENABLE_ENROLL
include test/unit/enroll.mk
endif
if ENABLE_CA
include test/unit/ca.mk
endif
include test/tcti/local.mk
include test/provider/local.mk
include test/integration/local.mk
include test/fuzz/local.mk
include test/programs/local.mk
include test/wire/local.mk
include test/attack/local.mk
include test/bench/local.mk

EXTRA_DIST += test/check-openssl.sh test/coverage.sh test/tsan.sh test/tsan.supp
coverage:
	@bash $(srcdir)/test/coverage.sh
check-tsan: all
	@bash $(srcdir)/test/tsan.sh
check-openssl:
	@OPENSSL_PREFIX='$(OPENSSL_PREFIX)' bash $(srcdir)/test/check-openssl.sh
.PHONY: coverage check-tsan check-openssl
