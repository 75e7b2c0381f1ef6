#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Faults tried by machine: see sweep.c. TPMIOT_LONG=1 (make check-faults): every one of them.
# shellcheck source=../integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=keys.sh
. "$SRC/test/provider/keys.sh"
# shellcheck source=odd.sh
. "$SRC/test/provider/odd.sh"
# shellcheck source=keyfile.sh
. "$SRC/test/provider/keyfile.sh"
# shellcheck source=scenarios.sh
. "$SRC/test/provider/scenarios.sh"
SWEEP=$BUILD/test/provider/sweep
stride=11
if [ -n "${TPMIOT_SANITIZED:-}" ]; then
	stride=23 # slower, and others than those of the plain run
	# Leaks that libcrypto does not see.
	export ASAN_OPTIONS=detect_leaks=1:exitcode=99
fi
[ -z "${TPMIOT_LONG:-}" ] || stride=1

start_swtpm
scenario_keys
export TPMIOT_TCTI=$FAULT:$TPMIOT_TCTI
for scenario in "often=$T/ec.pem" "${SCENARIOS[@]}"; do
	check "faults: ${scenario/$T\//}" with_module "$SWEEP" "$FAULT" "$stride" "$scenario"
	grep -E '^# .*(commands|faults)' "$T/out"
done
done_testing
