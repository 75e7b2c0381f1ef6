# SPDX-License-Identifier: Apache-2.0
# Each needs a software TPM of its own: run by ./check, see test/integration/lib.sh.
EXTRA_DIST += \
	test/provider/keyfile.sh \
	test/provider/keys.sh \
	test/provider/test_keyfile_parent.sh \
	test/provider/test_keyfile_policy.sh \
	test/provider/test_keys.sh \
	test/provider/test_sign.sh \
	test/provider/test_refuse.sh \
	test/provider/test_tls.sh \
	test/provider/test_programs.sh
