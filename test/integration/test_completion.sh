#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# bash completion: what it offers is what the program has.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=completion/tpmiot-enroll
. "$SRC/completion/tpmiot-enroll"

# offers WORD…: what is offered for the last one, on one line
offers() {
	COMP_WORDS=("$ENROLL" "$@")
	COMP_CWORD=$#
	COMPREPLY=()
	_tpmiot_enroll
	printf '%s\n' "${COMPREPLY[@]}" | LC_ALL=C sort | tr '\n' ' '
}

check_is 'commands' "$(offers '')" 'doctor dps ek enroll renew reset secret status token '
check_is 'commands, begun' "$(offers re)" 'renew reset '
check_is 'behind an option with a value' "$(offers --tcti = swtpm:port=1 s)" 'secret status '
check_is 'only one command' "$(offers enroll '')" ' '
check_is 'its options' "$(offers enroll --j)" '--join-token-file= --json '
check_is 'not those of another command' "$(offers reset --join)" ' '
check_is 'kinds of a command' "$(offers token '')" 'jws jwt sas '
check_is 'the options of a kind' "$(offers token jwt --au)" '--aud= '
check_is 'not those of another kind' "$(offers token jws --au)" ' '
check_is 'flags' "$(offers renew --rek)" '--rekey '
check_is 'values' "$(offers enroll --key = ec)" 'ec-p256 ec-p384 '
check_is 'values from the start' "$(offers enroll --key =)" 'ec-p256 ec-p384 rsa-2048 rsa-3072 '
mkdir -p "$TPMIOT_STATE_DIR"
touch "$TPMIOT_STATE_DIR"/{ak,device,vpn}.key
# shellcheck disable=SC2016  # what a hostile name looks like
touch "$TPMIOT_STATE_DIR/"{'$(touch PWNED)','`touch PWNED`','a b','$HOME'}.key
check_is 'names of keys, and of nothing else' "$(cd "$T" && offers renew --name =)" 'device vpn '
check_is 'which are not executed' "$(find "$T" -name PWNED)" ''
touch "$T/token1"
check_is 'files' "$(offers enroll --join-token-file = "$T/tok")" "$T/token1 "

# Each option that is offered for a command is one that the command has.
all() {
	local command kind kinds option words
	for command in $(offers ''); do
		kinds=$(offers "$command" '')
		[ "$kinds" != ' ' ] || kinds=-
		for kind in $kinds; do
			words=("$command" "$kind")
			[ "$kind" != - ] || words=("$command")
			for option in $(offers "${words[@]}" --); do
				case $option in
				--help | --version | --exec) continue ;;
				*=) option=${option}x ;;
				esac
				tpmiot-enroll "${words[@]}" "$option" --no-such 2>&1 | grep -q 'no-such' ||
					echo "${words[*]} $option"
				tpmiot-enroll "${words[@]}" "$option" more 2>&1 | grep 'no option'
			done
		done
	done
}
check_is 'every option that is offered is taken' "$(all)" ''
done_testing
