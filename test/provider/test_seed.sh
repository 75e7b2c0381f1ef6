#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The TPM as the seed of OpenSSL's random generators, where openssl.cnf says so, and only there.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"

cat >"$T/seed.cnf" <<'CNF'
openssl_conf = init
[init]
providers = providers
random = random
[random]
seed = TPMIOT
[providers]
default = default_sect
tpmiot = tpmiot_sect
[default_sect]
activate = 1
[tpmiot_sect]
activate = 1
CNF
sed '/^random = /d' "$T/seed.cnf" >"$T/plain.cnf"

seeded() { OPENSSL_CONF="$T/seed.cnf" openssl "$@"; }
random_hex() { seeded rand -hex 32; }

export TPMIOT_TCTI=swtpm:port=1
check 'a program that needs no random bytes runs without a TPM' seeded dgst -sha256 "$0"
check_fails '*' 'no TPM at TCTI' 'one that does is told that there is none' random_hex

start_swtpm
random_hex >"$T/one"
random_hex >"$T/two"
check_is 'random bytes' "$(wc -c <"$T/one")" 65
check 'other ones each time' bash -c "! cmp -s '$T/one' '$T/two'"
count_tpm "$T/count" random_hex >"$T/out" 2>&1
check_is 'come of one seed, in a salted session' "$(sort -u "$T/count" | paste -sd' ')" \
	'FlushContext GetRandom ReadPublic StartAuthSession'
check 'a key is made of them' seeded genpkey -algorithm EC -pkeyopt group:P-256 \
	-propquery provider=default -out "$T/soft.key"
count_tpm "$T/count" env OPENSSL_CONF="$T/plain.cnf" openssl rand -hex 32 >"$T/out" 2>&1
check_is 'without that line nothing comes from the TPM' "$(wc -l <"$T/count")" 0
check_is 'no random generator has a name that another one has' \
	"$(openssl list -random-generators -provider tpmiot -propquery provider=tpmiot |
		grep tpmiot | sed 's/^ *//')" 'TPMIOT @ tpmiot'
tpm2_changeauth -Q -c owner secret && tpm2_evictcontrol -Q -C o -P secret -c 0x81000001
count_tpm "$T/count" random_hex >"$T/out" 2>&1
check_is 'without a storage root key the seed comes, too' "$(sed 's, .*,,' "$T/count" | sort -u | paste -sd' ')" \
	'CreatePrimary FlushContext GetRandom ReadPublic StartAuthSession'
check_grep '^[0-9a-f]{64}$' "$T/out" 'and random bytes of it'
check_is 'nothing is left in the TPM' \
	"$(tpm2_getcap handles-transient)$(tpm2_getcap handles-loaded-session)" ''

done_testing
