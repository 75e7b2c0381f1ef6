#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What man pages and PROTOCOL.md list is what the programs have, and the other way round:
# options, commands, configuration keys with their defaults, exit codes, environment
# variables, problem types; and links between texts lead somewhere.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

MAN=$SRC/man

# same WHAT COMMAND… -- COMMAND…: both print the same set of lines, and not an empty one
same() {
	local what=$1 first=()
	shift
	while [ "$1" != -- ]; do
		first+=("$1")
		shift
	done
	shift
	"${first[@]}" | LC_ALL=C sort -u >"$T/first"
	"$@" | LC_ALL=C sort -u >"$T/second"
	if [ -s "$T/first" ] && diff "$T/first" "$T/second" >"$T/diff"; then
		ok "$what ($(wc -l <"$T/first"))"
	else
		not_ok "$what"
		[ -s "$T/first" ] || note "nothing was found by: ${first[*]}"
		note "< ${first[*]}"
		note "> $*"
		show "$T/diff"
	fi
}

# Every line that COMMAND… prints is a fixed string in one of the man pages.
in_man() {
	local what=$1 line n=0 missing=
	shift
	while read -r line; do
		n=$((n + 1))
		grep -qwF -- "$line" "$MAN"/*.[17] || missing+=" $line"
	done < <("$@")
	if [ "$n" -gt 0 ] && [ -z "$missing" ]; then
		ok "$what ($n)"
	else
		not_ok "$what"
		note "of $n, missing in man/:$missing"
	fi
}

# ---- Man pages ----------------------------------------------------------------

# From --help; that these four are there is tested by using them.
no_usage() { grep -vxE -e '-h|--help|-V|--version'; }

help_options() {
	"$1" --help | grep -oE -e '(^|[^A-Za-z0-9-])--?[A-Za-z][A-Za-z-]*' |
	    grep -oE -e '--?[A-Za-z].*' | no_usage
}

# The words of Fl macros: ".It Fl q , -quiet" has -q and --quiet.
man_options() {
	awk '/^\./ {
		on = 0
		for (i = 1; i <= NF; i++) {
			word = $i
			sub(/^\./, "", word)
			if (word == "Fl")
				on = 1
			else if (word ~ /^[A-Z][a-z]$/)
				on = 0
			else if (on && word ~ /^-?[A-Za-z][A-Za-z-]*$/)
				print "-" word
		}
	}' "$MAN/$1" | no_usage
}

# section PAGE MACRO NAME: its lines
section() { awk -v head="$2 $3" '/^\.S[hs] /{ on = $0 == head } on' "$MAN/$1"; }

help_commands() { "$1" --help | sed -nE 's/^  ([a-z]+( [a-z]+)?)( .*)?$/\1/p'; }
man_commands() { section "$1" .Ss Commands | sed -nE 's/^\.It Cm ([a-z]+( [a-z]+)?)( .*)?$/\1/p'; }

for program in tpmiot-enroll tpmiot-ca; do
	for option in -h --help -V --version; do
		check "$program $option" $program $option
		check_grep tpmiot "$T/out" "$program $option says something"
	done
	same "$program: options in --help and man page" help_options $program -- \
	    man_options $program.1
	same "$program: commands in --help and man page" help_commands $program -- \
	    man_commands $program.1
done

man_exits() { section "$1" .Sh 'EXIT STATUS' | sed -n 's/^\.It \([0-9]*\)$/\1/p'; }
code_exits() { sed -n 's/^\tENROLL_[A-Z]* = \([0-9]*\).*/\1/p' "$SRC/enroll/cmd/ui.h"; }
same 'tpmiot-enroll: exit codes' code_exits -- man_exits tpmiot-enroll.1

environment() {
	grep -rhoE 'getenv\("[A-Z0-9_]+"\)' "$SRC"/{lib,tpm,provider,enroll,ca} --include='*.c' |
	    sed 's/.*"\(.*\)".*/\1/' | sort -u
}
in_man 'environment variables' environment

# ---- Configuration -----------------------------------------------------------------

# The file that init makes has each key with its default, from the table that reads it.
conf_keys() { sed -nE 's/^#([a-z_]+ =( .*[^ ])?) *$/\1/p' "$CADIR/tpmiot-ca.conf"; }
man_keys() { section tpmiot-ca.1 .Sh CONFIGURATION | sed -nE 's/^\.It Cm ([a-z_]+ =.*)$/\1/p'; }
make_ca
same 'tpmiot-ca: configuration keys and defaults' conf_keys -- man_keys

provider_settings() { sed -n 's/^\t\tOSSL_PARAM_utf8_ptr("\([a-z-]*\)".*/\1/p' "$SRC/provider/ctx.c"; }
man_settings() { section tpmiot-provider.7 .Sh OPTIONS | sed -n 's/^\.It Cm \([a-z-]*\)$/\1/p'; }
same 'provider: settings in openssl.cnf' provider_settings -- man_settings

keygen_options() { sed -n 's/^#define PARAM_[A-Z_]* "\(.*\)"/\1:/p' "$SRC/provider/keygen.c"; }
in_man 'provider: key generation options' keygen_options

# ---- The protocol ------------------------------------------------------------------

code_problems() { sed -nE 's/^.*\{ ([45][0-9][0-9]), "([a-z-]+)".*/\2 \1/p' "$SRC/ca/enrol/problem.c"; }
# shellcheck disable=SC2016  # Markdown
text_problems() { sed -nE 's/^\| `([a-z-]+)` \| ([45][0-9][0-9]) \|.*/\1 \2/p' "$SRC/doc/PROTOCOL.md"; }
names() { "$1" | cut -d' ' -f1; }
yaml_problems() { sed -n 's/^ *- urn:tpmiot:problem:\([a-z-]*\)$/\1/p' "$SRC/doc/openapi.yaml"; }
same 'problem types and their status in code and PROTOCOL.md' code_problems -- text_problems
same 'problem types in code and openapi.yaml' names code_problems -- yaml_problems

# ---- Links -------------------------------------------------------------------------

dead_links() {
	local file link
	for file in "$SRC"/*.md "$SRC"/*/*.md; do
		grep -oE '\]\([^):#]+[^):]*\)' "$file" | sed -E 's/^..//; s/(#.*)?\)$//' |
		    while read -r link; do
			[ -e "$(dirname "$file")/$link" ] || echo "${file#"$SRC"/}: $link"
		done
	done
}
check_is 'links between texts' "$(dead_links)" ''
done_testing
