#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Key files by their parent: every hierarchy, P-256 and RSA, a parent with a password, one
# that is named and was put in another's place; keys that are imported; sealed data.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=test/provider/keyfile.sh
. "$(dirname "$0")/keyfile.sh"

start_swtpm
echo hello >"$T/message"
SRK='fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt'

# parent HIERARCHY ALGORITHM: its storage key, made by tpm2-tools, in $T/parent.ctx
parent() {
	tpm2_createprimary -Q -C "$1" -G "$2" -a "$SRK" -c "$T/parent.ctx" && tpm2_flushcontext -Q -t
}

# ---- Hierarchies ---------------------------------------------------------------

for hierarchy in o:0x40000001 e:0x4000000b p:0x4000000c n:0x40000007; do
	parent "${hierarchy%:*}" ecc256:null:aes128cfb && under "$T/parent.ctx" ecc -G ecc256
	keyfile ecc parent="${hierarchy#*:}"
	check "under the P-256 key of ${hierarchy#*:}" signs "$T/ecc.key"
	parent "${hierarchy%:*}" rsa2048:null:aes128cfb && under "$T/parent.ctx" rsa -G rsa2048
	keyfile rsa parent="${hierarchy#*:}" rsaparent=TRUE
	check "under the RSA key of ${hierarchy#*:}" signs "$T/rsa.key"
	openssl pkey -provider tpmiot -in "$T/rsa.key" -outform DER -out "$T/again.der"
	check 'which is written again' cmp "$T/rsa.der" "$T/again.der"
done
keyfile rsa parent=0x40000001
check_fails '*' 'not made by this TPM under this parent' 'an RSA parent that is not said to be' \
	signs "$T/rsa.key"
keyfile rsa rsaparent=TRUE
check_fails '*' 'rsaParent' 'rsaParent with a persistent parent' signs "$T/rsa.key"

# ---- A description --------------------------------------------------------------

under 0x81000001 plain -G ecc256
keyfile plain description='the door'
check 'a description' signs "$T/plain.key"
openssl pkey -provider tpmiot -in "$T/plain.key" -outform DER -out "$T/again.der"
check 'is kept' cmp "$T/plain.der" "$T/again.der"
check_is 'and costs nothing' "$(count_sign "$T/plain.key")" 'Load Sign FlushContext'

# ---- A named parent --------------------------------------------------------------

tpm2_readpublic -Q -c 0x81000001 -n "$T/srk.name"
keyfile plain parentname="$(hex "$T/srk.name")"
check 'a parent that has the Name' signs "$T/plain.key"
check_is 'which is looked at' "$(count_sign "$T/plain.key")" 'ReadPublic Load Sign FlushContext'
openssl pkey -provider tpmiot -in "$T/plain.key" -outform DER -out "$T/again.der"
check 'and written again' cmp "$T/plain.der" "$T/again.der"
keyfile plain parentname="$(tpm2b "$(hex "$T/srk.name")")"
check 'the Name as TPM2B_NAME' signs "$T/plain.key"
parent o ecc256:null:aes128cfb && under "$T/parent.ctx" owner -G ecc256
tpm2_readpublic -Q -c "$T/parent.ctx" -n "$T/owner.name" && tpm2_flushcontext -Q -t
keyfile owner parent=0x40000001 parentname="$(hex "$T/owner.name")"
check 'a hierarchy'\''s key that has the Name' signs "$T/owner.key"
keyfile owner parent=0x40000001 "parentname=000b$(printf '%064d' 1)"
check_fails '*' 'not the one that the key file names' 'one that has not' signs "$T/owner.key"
# The same blob under the same seed: only the Name tells that it is another key's place.
tpm2_evictcontrol -Q -C o -c 0x81000001 &&
    tpm2_createprimary -Q -C o -G rsa2048:null:aes128cfb -a "$SRK" -c "$T/other.ctx" &&
    tpm2_evictcontrol -Q -C o -c "$T/other.ctx" 0x81000001 && tpm2_flushcontext -Q -t
check_fails '*' 'another key was put in its place' 'a substituted parent' signs "$T/plain.key"
keyfile plain
check_fails '*' 'not made by this TPM under this parent' 'is noticed by the TPM without the Name' \
	signs "$T/plain.key"

# ---- Keys from elsewhere ----------------------------------------------------------

tpm2_readpublic -Q -c 0x81000001 -o "$T/srk.pub"
openssl genpkey -algorithm EC -pkeyopt group:P-256 -out "$T/outside.pem"
openssl genpkey -algorithm RSA -quiet -pkeyopt rsa_keygen_bits:2048 -out "$T/outside-rsa.pem"
for kind in ecc:outside rsa:outside-rsa; do
	name=${kind#*:}
	tpm2_duplicate -Q -U "$T/srk.pub" -G "${kind%:*}" -k "$T/$name.pem" -u "$T/$name.pub" \
	    -r "$T/$name.priv" -s "$T/$name.seed" || die 'tpm2_duplicate failed'
	keyfile "$name" type=4 secret="$(hex "$T/$name.seed")"
	check "an importable key ($name)" signs "$T/$name.key"
	openssl pkey -in "$T/$name.pem" -pubout -out "$T/software.pub"
	check 'is the one from outside' cmp "$T/software.pub" "$T/signs.pub"
	check_is 'and is imported once' "$(count_sign "$T/$name.key")" 'Import Load Sign FlushContext'
	openssl pkey -provider tpmiot -in "$T/$name.key" -outform DER -out "$T/again.der"
	check 'unused, it is written as it was' cmp "$T/$name.der" "$T/again.der"
done
keyfile outside type=4
check_fails '*' 'needs its secret' 'an importable key without its secret' signs "$T/outside.key"
keyfile outside type=4 secret="$(hex "$T/outside-rsa.seed")"
check_fails '*' 'importing the key under its parent 0x81000001' 'with another one'\''s' \
	signs "$T/outside.key"
keyfile outside type=3 secret="$(hex "$T/outside.seed")"
check_fails '*' 'loadable key has no secret' 'a secret in a loadable key' signs "$T/outside.key"

# ---- Sealed data --------------------------------------------------------------------

echo 'the data' | tpm2_create -Q -C 0x81000001 -i - -u "$T/sealed.pub" -r "$T/sealed.priv" &&
    tpm2_flushcontext -Q -t
keyfile sealed type=5
check_fails '*' 'sealed data, not a key' 'sealed data are no key' \
	openssl pkey -provider tpmiot -in "$T/sealed.key" -pubout
check_fails '*' 'sealed data, not a key' 'nor beside the default provider' \
	openssl pkey -provider tpmiot -provider default -in "$T/sealed.key" -pubout
check_fails '*' 'sealed data, not a key' 'nor from DER' \
	openssl pkey -provider tpmiot -in "$T/sealed.der" -pubout
keyfile plain type=5
check_fails '*' 'its type says the contrary' 'a key that is said to be sealed data' \
	openssl pkey -provider tpmiot -in "$T/plain.key" -pubout
check_is 'nothing is left in the TPM' "$(tpm_handles transient)$(tpm_handles loaded-session)" ''

# ---- A parent with a password -------------------------------------------------------------

tpm2_createprimary -Q -C o -G ecc -p parent-password -c "$T/p.ctx" &&
    tpm2_evictcontrol -Q -C o -c "$T/p.ctx" 0x81000005 && tpm2_flushcontext -Q -t
openssl genpkey -provider tpmiot -quiet -algorithm EC -pkeyopt group:P-256 -out "$T/under.key" \
	-pkeyopt parent:0x81000005 -pkeyopt parent-auth:parent-password 2>"$T/out"
check 'a parent'\''s password' env TPMIOT_PARENT_AUTH=parent-password \
	openssl dgst -provider tpmiot -sha256 -sign "$T/under.key" -out "$T/sig" "$T/message"
check 'as in tpm2-openssl' env TPM2OPENSSL_PARENT_AUTH=parent-password \
	openssl dgst -provider tpmiot -sha256 -sign "$T/under.key" -out "$T/sig" "$T/message"
check_fails '*' 'parent, 0x81000005: .*wrong authorisation value' 'a wrong one' env TPMIOT_PARENT_AUTH=x \
	openssl dgst -provider tpmiot -sha256 -sign "$T/under.key" -out "$T/sig" "$T/message"
new_key() {
	openssl genpkey -provider tpmiot -quiet -algorithm EC -pkeyopt group:P-256 \
	    -pkeyopt "parent:$1" -out "$T/new.key" "${@:2}"
}
check 'a key is made with the password of the environment' \
	env TPM2OPENSSL_PARENT_AUTH=parent-password bash -c "$(declare -f new_key); T=$T; new_key 0x81000005"
check 'the option goes first' env TPMIOT_PARENT_AUTH=x \
	bash -c "$(declare -f new_key); T=$T; new_key 0x81000005 -pkeyopt parent-auth:parent-password"
check 'hierarchies have no use for it' env TPMIOT_PARENT_AUTH=x \
	bash -c "$(declare -f new_key); T=$T; new_key 0x40000001"
# A hierarchy's own, in the same places: the owner's, for what is made under it.
tpm2_changeauth -Q -c o owner-password
check 'the owner'\''s password makes a key' new_key 0x40000001 -pkeyopt parent-auth:owner-password
mv "$T/new.key" "$T/owned.key"
check 'and that of the environment' env TPMIOT_PARENT_AUTH=owner-password \
	bash -c "$(declare -f new_key); T=$T; new_key 0x40000001"
check_fails '*' 'wrong authorisation value; -pkeyopt parent-auth:' 'without it there is none' new_key 0x40000001
check 'a key under the owner with a password' env TPMIOT_PARENT_AUTH=owner-password \
	openssl dgst -provider tpmiot -sha256 -sign "$T/owned.key" -out "$T/sig" "$T/message"
check_fails '*' 'hierarchy that the key is in, 0x40000001, has a password' 'not without' \
	openssl dgst -provider tpmiot -sha256 -sign "$T/owned.key" -out "$T/sig" "$T/message"
check_fails '*' 'password of the hierarchy .*wrong' 'nor with another' env TPMIOT_PARENT_AUTH=x \
	openssl dgst -provider tpmiot -sha256 -sign "$T/owned.key" -out "$T/sig" "$T/message"
tpm2_changeauth -Q -c o -p owner-password
# Without noDA a wrong one counts, and so does none: each is sent once.
tpm2_createprimary -Q -C o -G ecc -p parent-password -c "$T/n.ctx" -a "$SRK" &&
    tpm2_evictcontrol -Q -C o -c "$T/n.ctx" 0x81000007 && tpm2_flushcontext -Q -t
lockouts() { tpm2_getcap properties-variable | sed -n 's/TPM2_PT_LOCKOUT_COUNTER: //p'; }
for parent in 0x81000005:1 0x81000007:0; do
	new_key "${parent%:*}" -pkeyopt parent-auth:parent-password
	mv "$T/new.key" "$T/of.key"
	for wrong in '' x; do
		tpm2_dictionarylockout -Q -c
		check_is "one command (${parent%:*}, '$wrong')" "$(TPMIOT_PARENT_AUTH=$wrong count_sign "$T/of.key" |
			grep -o Load | wc -l)" 1
		check_grep "$([ -z "$wrong" ] && echo 'has a password, which was not given' ||
			echo 'the password of the key')" "$T/out" 'says whose password'
		check_is 'counted where the parent is not noDA' "$(lockouts)" "0x${parent#*:}"
		TPMIOT_PARENT_AUTH=$wrong check_fails '*' 'has a password, which|the password of the key' \
			'a new key, too' new_key "${parent%:*}"
	done
done
tpm2_dictionarylockout -Q -c

# A key at a handle does not say whether it has one.
tpm2_create -Q -C 0x81000001 -G ecc256 -u "$T/pw.pub" -r "$T/pw.priv" -p key-password
tpm2_load -Q -C 0x81000001 -u "$T/pw.pub" -r "$T/pw.priv" -c "$T/pw.ctx" &&
    tpm2_evictcontrol -Q -C o -c "$T/pw.ctx" 0x81000006 && tpm2_flushcontext -Q -t
check '?pass asks for a password' openssl dgst -provider tpmiot -sha256 -sign 'handle:0x81000006?pass' \
	-passin pass:key-password -out "$T/sig" "$T/message"
done_testing
