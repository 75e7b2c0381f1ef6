#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# make coverage: builds into ./coverage with gcc's instrumentation, runs unit tests, fuzz seeds
# and the provider's scripts, and prints which part of the lines of lib/ and provider/ ran.
# Fails below the budget.
set -eu
SRC=$(cd "$(dirname "$0")/.." && pwd)
DIR=$PWD/coverage
BUDGET=92

"$SRC/test/install-packages" lcov >/dev/null
mkdir -p "$DIR"
cd "$DIR"
[ -e config.status ] ||
    "$SRC/configure" --disable-hardening CFLAGS='-O0 -g' LDFLAGS=--coverage \
	CPPFLAGS=--coverage >configure.log
if ! { make -j"$(nproc)" && make -j"$(nproc)" check TESTS=; } >make.log 2>&1; then
	tail -n 20 make.log
	exit 1
fi
find . -name '*.gcda' -delete
status=0
make -j"$(nproc)" check >check.log 2>&1 || status=1
for script in "$SRC"/test/provider/test_*.sh; do
	# Whoever runs as another user counts too.
	TPMIOT_BUILDDIR=$DIR bash "$script" >"$(basename "$script").log" 2>&1 </dev/null || {
		grep '^not ok' "$(basename "$script").log" || :
		echo "$script failed"
		status=1
	}
done
lcov --quiet --capture --directory . --base-directory "$DIR" --output-file all.info 2>lcov.log
lcov --quiet --extract all.info "$SRC/lib/*" "$SRC/provider/*" --output-file tpmiot.info
lcov --list tpmiot.info
# Lines found and lines hit, by folder
awk -F'[:,]' -v src="$SRC/" -v budget="$BUDGET" '
	/^SF:/ { split(substr($0, length("SF:" src) + 1), part, "/"); here = part[1] }
	/^LF:/ { found[here] += $2; all += $2 }
	/^LH:/ { hit[here] += $2; all_hit += $2 }
	END {
		for (here in found)
			printf "%-10s %5.1f %% of %d lines\n", here "/", 100 * hit[here] / found[here], \
			    found[here]
		printf "%-10s %5.1f %% of %d lines, budget %d %%\n", "both", 100 * all_hit / all, \
		    all, budget
		exit 100 * all_hit < budget * all
	}' tpmiot.info || status=1
exit "$status"
