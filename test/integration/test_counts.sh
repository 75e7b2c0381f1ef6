#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# TPM commands are what time is on a hardware TPM; their number is deterministic.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=counts.sh
. "$SRC/test/integration/counts.sh"

start_swtpm
make_ca
trust_mfr
start_ca --set enrolment=open

count_all >"$T/counts"
n=0
while read -r count budget what; do
	n=$((n + 1))
	if [ "$count" = failed ]; then
		not_ok "$what: it failed"
	elif case $what in *exactly*) [ "$count" -eq "$budget" ] ;; *) [ "$count" -le "$budget" ] ;; esac; then
		ok "$what: $count TPM commands of $budget"
	else
		not_ok "$what: $count TPM commands of $budget"
		[ ! -e "$T/count.$n" ] || show "$T/count.$n" 60
	fi
done <"$T/counts"
check_is 'everything was counted' "$n" 10
done_testing
