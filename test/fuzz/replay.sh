#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs every fuzz target over its seeds, and over beginnings of them.
set -eu
srcdir=${srcdir:-$(dirname "$0")/../..}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

for corpus in "$srcdir"/test/fuzz/corpus/*/; do
	name=$(basename "$corpus")
	target=test/fuzz/fuzz_$name
	case $name in
	ca_api) [ -x "$target" ] || continue ;; # configured without cmocka
	ca_*) [ -x ca/tpmiot-ca ] || continue ;; # configured with --disable-ca
	enroll_*) [ -x enroll/tpmiot-enroll ] || continue ;; # with --disable-enroll
	esac
	if ! [ -x "$target" ]; then
		echo "$target is not built, but $corpus is there"
		exit 1
	fi
	rm -f "$tmp"/*
	: >"$tmp/empty"
	for seed in "$corpus"*; do
		file=${seed##*/}
		[ ${#file} -ne 40 ] || continue # a digest: found by libFuzzer, and as short as it can be
		len=$(wc -c <"$seed")
		for part in 1 2 3 5 8 13; do
			head -c $((len * part / 14)) "$seed" >"$tmp/$file.$part"
		done
	done
	"$target" "$corpus"* "$tmp"/*
	echo "$name: $(find "$corpus" -type f | wc -l) seeds"
done
