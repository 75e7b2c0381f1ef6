#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# make check-openssl OPENSSL_PREFIX=DIR: builds lib, tpm and provider into ./check-openssl, a
# folder for each version, against the OpenSSL that is installed in DIR, runs the unit tests
# and the provider's scripts with it, and prints what each came to. CONTRIBUTING.md says how
# to get one.
set -eu
SRC=$(cd "$(dirname "$0")/.." && pwd)
PREFIX=${OPENSSL_PREFIX:?say where OpenSSL is installed: make check-openssl OPENSSL_PREFIX=DIR}

LIB=
for lib in lib lib64; do
	[ ! -e "$PREFIX/$lib/pkgconfig/libcrypto.pc" ] || LIB=$PREFIX/$lib
done
[ -n "$LIB" ] || {
	echo "no lib/pkgconfig/libcrypto.pc in $PREFIX: is OpenSSL installed there?"
	exit 1
}
export PATH=$PREFIX/bin:$PATH
export LD_LIBRARY_PATH=$LIB PKG_CONFIG_PATH=$LIB/pkgconfig
openssl version
DIR=$PWD/check-openssl/$(openssl version | cut -d' ' -f2)

# The CA's and the tool's libraries (libevent, libcurl) are linked to the system's OpenSSL.
mkdir -p "$DIR"
cd "$DIR"
[ -e config.status ] ||
    "$SRC/configure" --enable-werror --disable-ca --disable-enroll >configure.log
if ! { make -j"$(nproc)" && make -j"$(nproc)" check TESTS=; } >make.log 2>&1; then
	tail -n 20 make.log
	exit 1
fi
status=0
if make -j"$(nproc)" check >check.log 2>&1; then
	echo "unit tests: $(sed -n 's/^# PASS: *//p' check.log) passed"
else
	grep -E '^(FAIL|ERROR):' check.log || tail -n 20 check.log
	status=1
fi
for script in "$SRC"/test/provider/test_*.sh; do
	name=$(basename "$script" .sh)
	case $name in
	# Stock programs are linked to the system's OpenSSL.
	test_programs | test_reload) continue ;;
	esac
	TPMIOT_BUILDDIR=$DIR bash "$script" >"$name.log" 2>&1 </dev/null || {
		status=1
		grep -A 8 -E '^(not ok|Bail out)' "$name.log" || :
	}
	echo "$name: $(grep -c '^ok' "$name.log") ok, $(grep -c '^not ok' "$name.log") not ok"
done
exit "$status"
