#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The walks of examples/, as they are written: each ends well, and said what its README promises.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"

unset OPENSSL_CONF OPENSSL_MODULES TPMIOT_STATE_DIR
export TPMIOT_BUILDDIR=$BUILD
for walk in "$SRC"/examples/*/walk; do
	name=$(basename "$(dirname "$walk")")
	check "$name: there is a README" test -s "$(dirname "$walk")/README.md"
	check "$name: the walk" "$walk"
	check_grep 'All of it went as it should' "$T/out" "$name: to its end"
done
done_testing
