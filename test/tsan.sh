#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# make check-tsan: builds into ./tsan with ThreadSanitizer, and runs the provider's threads
# with it. Stock programs that only prepare the test get the plain module of this build.
set -eu
SRC=$(cd "$(dirname "$0")/.." && pwd)
PLAIN=$PWD/provider/.libs
DIR=$PWD/tsan

mkdir -p "$DIR"
cd "$DIR"
[ -e config.status ] ||
    "$SRC/configure" --enable-sanitizers=thread --disable-ca --disable-enroll >configure.log
if ! { make -j"$(nproc)" && make -j"$(nproc)" check TESTS=; } >make.log 2>&1; then
	tail -n 20 make.log
	exit 1
fi
TPMIOT_SANITIZED=thread TPMIOT_PLAIN_MODULES=$PLAIN TPMIOT_BUILDDIR=$DIR \
    bash "$SRC/test/provider/test_threads.sh"
