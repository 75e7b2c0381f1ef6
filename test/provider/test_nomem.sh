#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Memory runs out: see dry.c. TPMIOT_LONG=1 (make check-nomem): at every allocation.
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
DRY=$BUILD/test/provider/dry
stride=${TPMIOT_LONG:+1}
stride=${stride:-5}
# Leaks that libcrypto does not see.
[ -z "${TPMIOT_SANITIZED:-}" ] || export ASAN_OPTIONS=detect_leaks=1:exitcode=99

start_swtpm
scenario_keys
for scenario in "${SCENARIOS[@]}"; do
	check "without memory: ${scenario/$T\//}" with_module "$DRY" "$stride" "$scenario"
	grep -E '^# .*without memory' "$T/out"
done
done_testing
