#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tpmiot-ca's commands without any device: what they make, print, refuse, and leave alone.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

ca() { tpmiot-ca --dir="$CADIR" "$@"; }
field() { # FIELD: of the first JSON object in $T/out
	sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\).*/\1/p" "$T/out" | head -n 1
}
files() { find "$CADIR" -mindepth 1 -printf '%f\n' | sort | tr '\n' ' '; }
count() { grep -c "\"$1\":" "$T/out"; }

# ---- Usage ----

check 'help' tpmiot-ca --help
check 'help on a noun' tpmiot-ca device --help
check_grep '  device release ID' "$T/out" 'has its commands'
check_is 'and no others' "$(grep -c '^  cert' "$T/out")" 0
check 'help on a command' tpmiot-ca device list -h
check_fails 2 'which command' 'no command' tpmiot-ca
check_fails 2 'Commands: init .* audit' 'and which there are' tpmiot-ca
check_fails 2 'frobnicate' 'an unknown command is named' tpmiot-ca frobnicate
check_fails 2 'trust frob' 'an unknown verb is named' tpmiot-ca trust frob
check_fails 2 'There is: add list remove' 'and those there are' tpmiot-ca trust
check_fails 2 '--frob' 'an unknown option is named' ca device list --frob
check_fails 2 'usage.*allow add' 'and the usage is shown' ca allow add --frob
check_fails 2 'name' 'init wants a name' ca init
check_fails 1 'init' 'a directory without a CA' ca device list
check_fails 1 'init' 'serve without a CA' ca serve

# ---- init ----

check 'init' ca init --name='Test CA' --host=ca.example --host=192.0.2.7 --host=2001:db8::1
check_is 'the directory is private' "$(stat -c %a "$CADIR")" 700
for f in ca.key tls.key store.db tpmiot-ca.conf; do
	check_is "$f is private" "$(stat -c %a "$CADIR/$f")" 600
done
check 'the TLS certificate verifies' openssl verify -x509_strict -purpose sslserver \
    -CAfile "$CADIR/ca.crt" "$CADIR/tls.crt"
for name in '-verify_hostname ca.example' '-verify_ip 192.0.2.7' '-verify_ip 2001:db8::1'; do
	# shellcheck disable=SC2086  # two words
	check "for $name" openssl verify $name -CAfile "$CADIR/ca.crt" "$CADIR/tls.crt"
done
check_fails '*' mismatch 'and no other name' \
    openssl verify -verify_hostname localhost -CAfile "$CADIR/ca.crt" "$CADIR/tls.crt"
before=$(cat "$CADIR"/* | sha256sum)
check_fails 1 'already.*nothing was changed' 'init again is refused' ca init --name='Other'
check_is 'and changed nothing' "$(cat "$CADIR"/* | sha256sum)" "$before"
check_fails 2 'unknown.*enrolment, validity' '--set of an unknown key lists the known' \
    ca --set enrol=open serve
check_fails 2 'listed, token, open' '--set of a wrong value' ca --set enrolment=all serve

# An interrupted init goes on, with the keys it had made.
key=$(sha256sum <"$CADIR/ca.key")
crt=$(sha256sum <"$CADIR/ca.crt")
rm "$CADIR/tpmiot-ca.conf" "$CADIR/tls.crt"
: >"$CADIR/.tpmiot-ca.conf.4711.tmp"
check_fails 1 'another --name' 'interrupted init with another name' ca init --name='Other'
check 'interrupted init goes on' ca init --name='Test CA'
check_is 'with the same key' "$(sha256sum <"$CADIR/ca.key")" "$key"
check_is 'and certificate' "$(sha256sum <"$CADIR/ca.crt")" "$crt"
check_is 'nothing is left over' "$(files)" \
    'ca.crt ca.key store.db tls.crt tls.key tpmiot-ca.conf '
ca=$CADIR
bad=0 whole=0
for ms in 010 015 020 025 030 035 040 045 050 055 060 070 080 090 100 120 140 180 240 300; do
	CADIR=$T/killed-$ms
	{ timeout -s KILL "0.$ms" "$CA" --dir="$CADIR" init --name=K >"$T/out"; } 2>/dev/null
	[ -e "$CADIR/tpmiot-ca.conf" ] && whole=$((whole + 1))
	[ -e "$CADIR/tpmiot-ca.conf" ] || ca init --name=K >"$T/out" 2>&1 || bad=$((bad + 1))
	{ openssl verify -CAfile "$CADIR/ca.crt" "$CADIR/tls.crt" && ca audit; } >>"$T/out" 2>&1 ||
		bad=$((bad + 1))
	[[ $(files) == *tmp\ * ]] && bad=$((bad + 1))
done
note "$whole of 20 were done before that"
check_is 'init killed at 20 points in time and repeated' "$bad" 0
CADIR=$T/together
for n in 1 2 3 4; do
	{ ca init --name=K && echo "$n" >>"$T/won"; } >"$T/out.$n" 2>&1 &
done
wait
check_is 'of inits at the same time, one makes the CA' "$(wc -l <"$T/won")" 1
check_is 'and the others say that there is one' "$(grep -l 'a CA in .* already' "$T"/out.? | wc -l)" 3
check 'whose key and certificate belong together' ca check
CADIR=$ca

# ---- A CA that is there already: an intermediate, its key encrypted ----

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/root.key" \
    -out "$T/root.crt" -subj '/CN=Root' -days 2 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-384 -passout pass:secret \
    -keyout "$T/sub.key" -out "$T/sub.csr" -subj '/CN=Sub' 2>/dev/null
printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n' >"$T/ext"
openssl x509 -req -in "$T/sub.csr" -CA "$T/root.crt" -CAkey "$T/root.key" -out "$T/sub.crt" \
    -days 2 -extfile "$T/ext" 2>/dev/null
echo secret >"$T/pass"
CADIR=$T/sub
check_fails 1 'pass: others may read' 'init with a passphrase that others can read' \
    ca --set "ca_key_passphrase_file=$T/pass" init --name=Sub --ca-key="$T/sub.key" --ca-cert="$T/sub.crt"
chmod 0600 "$T/pass"
check_fails 1 'passphrase' 'init with an encrypted key, without its passphrase' \
    ca init --name=Sub --ca-key="$T/sub.key" --ca-cert="$T/sub.crt"
check_fails 1 'not a CA certificate for the key' 'init with a key of another certificate' \
    ca init --name=Sub --ca-key="$T/root.key" --ca-cert="$T/sub.crt"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/wrong.key" \
    -out "$T/wrong.crt" -subj '/CN=Root' -days 2 2>/dev/null
cat "$T/sub.crt" "$T/wrong.crt" >"$T/chain.crt"
check_fails 1 'Root did not issue' 'init with a chain that leads elsewhere' \
    ca --set "ca_key_passphrase_file=$T/pass" init --name=Sub --ca-key="$T/sub.key" \
    --ca-cert="$T/chain.crt"
check 'init with an intermediate' ca --set "ca_key_passphrase_file=$T/pass" \
    init --name=Sub --ca-key="$T/sub.key" --ca-cert="$T/sub.crt"
check 'the TLS certificate leads to the root' openssl verify -untrusted "$CADIR/tls.crt" \
    -CAfile "$T/root.crt" "$CADIR/tls.crt"
check_is 'no key was made' "$(files)" 'store.db tls.crt tls.key tpmiot-ca.conf '
start_ca
check 'and serves, with a chain that leads to the root' \
    curl -sS --cacert "$T/root.crt" -o "$T/reply" "$CA_URL/"
stop_ca
CADIR=$ca

# ---- CA and TLS key in a TPM, by the provider ----

start_swtpm
CADIR=$T/tpm-ca
if openssl genpkey -provider tpmiot -propquery '?provider=tpmiot' -algorithm EC \
    -pkeyopt group:P-256 -out "$T/tpm.key" 2>"$T/err"; then
	check 'init with a CA key in the TPM' ca --set providers=tpmiot --set tls_key="$T/tpm.key" \
	    init --name='TPM CA' --ca-key="$T/tpm.key"
	check 'its certificates verify' openssl verify -x509_strict -CAfile "$CADIR/ca.crt" "$CADIR/tls.crt"
	check 'check knows its keys' ca check
	check 'a revocation list by the key in the TPM' ca crl --out="$T/tpm.crl"
	check_is 'no key was made' "$(files)" 'ca.crt store.db tls.crt tpmiot-ca.conf '
	start_ca
	check 'it serves with the key in the TPM' \
	    curl -sS --cacert "$CADIR/ca.crt" -o "$T/reply" "$CA_URL/"
	stop_ca
else
	skip "$(tail -n 1 "$T/err")" 'a CA key in the TPM'
fi
CADIR=$ca

# ---- trust ----

check 'trust add of a bundle' ca trust add "$SRC/trust/roots.pem" --json
check_is 'all of it' "$(field added)" "$(grep -c BEGIN "$SRC/trust/roots.pem")"
check 'trust add again' ca trust add "$SRC/trust/roots.pem" --json
check_is 'adds nothing' "$(field added)" 0
check 'trust add of an intermediate' ca trust add "$T/sub.crt" --label=ours
check 'trust list' ca trust list
check_is 'it does not count as a root' "$(awk '/ours/ { print $2 }' "$T/out")" intermediate
check_fails 1 'not a CA' 'trust add of a TLS certificate' ca trust add "$CADIR/tls.crt"
check_fails 1 'no certificate' 'trust add of something else' ca trust add /etc/hostname
check_fails 1 'no such file' 'trust add of nothing' ca trust add "$T/none"
head -c 900 "$SRC/trust/roots.pem" >"$T/cut.pem"
check_fails 1 'certificate' 'trust add of a truncated file' ca trust add "$T/cut.pem"
check_fails 1 '999' 'trust remove of what is not there' ca trust remove 1 999
check 'trust list' ca trust list --json
check_is 'removes nothing' "$(count id)" "$(($(grep -c BEGIN "$SRC/trust/roots.pem") + 1))"
check 'trust remove' ca trust remove 1

# ---- ek verify: a real STMicroelectronics certificate, with and without its maker ----

V=$SRC/test/vectors/ekcert
rule() { sed -n "/\"rule\": \"$1\"/,/}/s/.*\"result\": \"\(.*\)\".*/\1/p" "$T/out"; }
ca trust list --json >"$T/roots.json"
check 'trust the vendor bundle' ca trust add "$SRC/trust/roots.pem" "$SRC/trust/intermediates.pem"
check 'ek verify of a real certificate' ca ek verify "$V/stm-rsa-padded.der" --json
check_is 'accepted' "$(field verdict)" accepted
check_is 'its maker' "$(field manufacturer)" id:53544D20
check_is 'not on the allow-list' "$(field on_allow_list)" 'false'
for r in key encoding profile path tpms; do
	check_is "rule $r accepted it" "$(rule $r)" accepted
done
check_fails 1 'refused by the rule "path"' 'ek verify without its maker among the trusted' \
    ca ek verify "$V/swtpm-rsa2048.der" --json
check_is 'the other rules accepted it' "$(rule key) $(rule profile)" 'accepted accepted'
check_fails 1 'refused by the rule "tpms"' 'ek verify where other makers are let in' \
    ca ek verify --set 'tpms=id:49465800/*/*' "$V/stm-rsa-padded.der"
check_fails 2 'there is no group' 'ek verify for a group that is not there' \
    ca ek verify --group=none "$V/stm-rsa-padded.der"
check_fails 1 'refused by the rule "profile"' 'ek verify of a platform certificate' \
    ca ek verify "$V/swtpm-platform.der"
openssl req -x509 -newkey rsa:1024 -nodes -keyout "$T/weak.key" -out "$T/weak.crt" \
    -subj /CN=weak -days 2 2>/dev/null
check_fails 1 'refused by the rule "key"' 'ek verify of a weak key' ca ek verify "$T/weak.crt"
check_grep '1024 bits' "$T/out" 'and says why'
check_fails 1 'not a certificate' 'ek verify of something else' ca ek verify /etc/hostname
check_fails 2 'ek verify' 'ek verify of nothing' ca ek verify

# ---- allow ----

openssl ecparam -name prime256v1 -genkey -noout -out "$T/ek.key"
openssl pkey -in "$T/ek.key" -pubout -out "$T/ek.pem"
openssl pkey -in "$T/ek.key" -pubout -outform DER -out "$T/ek.der"
openssl req -x509 -new -key "$T/ek.key" -subj /CN=ek -out "$T/ek.crt" -days 2
openssl x509 -in "$T/ek.crt" -outform DER -out "$T/ek.crt.der"
{ cat "$T/ek.crt.der"; head -c 300 /dev/zero | tr '\0' '\377'; } >"$T/ek.nv"
hash=$(openssl dgst -sha256 -r "$T/ek.der" | cut -d ' ' -f 1)
for form in ek.pem ek.der ek.crt ek.crt.der ek.nv; do
	check "allow add --ek=$form" ca allow add --ek="$T/$form" --json
	check_is "$form: the fingerprint" "$(field ek)" "$hash"
	check "allow remove --ek=$form" ca allow remove --ek="$T/$form"
done
check 'allow add by fingerprint, upper case' ca allow add --ek="${hash^^}" --device-id=pump-1
check_fails 1 'already' 'twice' ca allow add --ek="$hash"
check_fails 1 'pump-1' 'its id for another' ca allow add --ek="${hash//[0-9]/a}" --device-id=pump-1
check_fails 2 'device id' 'an id that is none' ca allow add --ek="$hash" --device-id='a/b'
check_fails 1 'SHA-256' 'neither file nor fingerprint' ca allow add --ek="${hash:1}"
check_fails 1 'neither' 'a file that is no EK' ca allow add --ek=/etc/hostname
check_fails 1 'PRIVATE KEY' 'a private key' ca allow add --ek="$T/ek.key"
check_fails 1 'allow-list' 'allow remove of what is not there' ca allow remove "${hash//[0-9]/a}"

# ---- allow import, groups ----

cp "$CADIR/tpmiot-ca.conf" "$T/conf.before"
printf '[group pumps]\nprofiles = idevid, client\n[profile mine]\nsubject = CN=%%{device_id}, O=Ours\n' \
    >>"$CADIR/tpmiot-ca.conf"
check_fails 2 'no group "pipes"' 'a group that is not there' ca allow add --ek="$hash" --group=pipes
many() { seq 1 3000 | awk '{ printf "%064x,unit-%d,pumps,SN%d,\"P 1, \"\"x\"\"\"\r\n", $1, $1, $1 }'; }
{ printf 'ek,device_id,group,serial_number,model\r\n'; many; } >"$T/list.csv"
check 'allow import of 3000' ca allow import "$T/list.csv" --json
check_is 'all of it' "$(field added)" 3000
sed -i '1s/^/\xef\xbb\xbf/' "$T/list.csv"
check 'allow import again, from a spreadsheet' ca allow import "$T/list.csv" --json
check_is 'adds nothing' "$(field added) $(field already_listed)" '0 3000'
ca allow list --json >"$T/out"
check_grep '"model": "P 1, \\"x\\""' "$T/out" 'a quoted cell'
check_grep '"serial_number": "SN2999"' "$T/out" 'a serial number'
before=$(grep -c '"ek"' "$T/out")
for bad in 'ek,colour' 'device_id,note' "ek,device_id
${hash//[0-9]/b},a/b" "ek
nothing" "ek,group
${hash//[0-9]/b},pipes" "ek,note
${hash//[0-9]/c},good
${hash//[0-9]/b},\"open" "ek,device_id
${hash//[0-9]/b},unit-7" 'ek,note,ek' "ek,note
${hash//[0-9]/b},cellar, left"; do
	printf '%s\n' "$bad" >"$T/bad.csv"
	check_fails 1 'bad.csv, line' "import of: ${bad//$'\n'/ | }" ca allow import "$T/bad.csv"
done
check_is 'added nothing' "$(ca allow list --json | grep -c '"ek"')" "$before"
for bad in '[groups x]' '[group a/b]' '[group x]
profiles = none' '[group x]
enrolment = all' '[profile x]
subject = %{name}' '[profile x]
san = MAIL:x' '[profile x]
ext_key_usage = nonsense' '[profile x]
subject =
san =' '[profile x]
frob = 1' 'crl_url = ca.example/crl'; do
	{ cat "$T/conf.before"; printf '%s\n' "$bad"; } >"$CADIR/tpmiot-ca.conf"
	check_fails 1 'tpmiot-ca.conf: ' "configuration with ${bad//$'\n'/ }" ca crl
done
cp "$T/conf.before" "$CADIR/tpmiot-ca.conf"

# ---- check ----

result() { awk -v what="$1" 'index($0, what) == 1 { sub(what, ""); print $1; exit }' "$T/out"; }
{ cat "$T/conf.before"; printf '[group pumps]\n'; } >"$T/conf.pumps"
cp "$T/conf.pumps" "$CADIR/tpmiot-ca.conf"
check_fails 1 'listen .*wrong .*not ADDR:PORT' 'check: an address without a port' ca --set listen=8443 check
check_fails 1 'metrics_listen .*wrong' 'check: the same for monitoring' ca --set metrics_listen=9464 check
check_fails 1 'wrong .*none.key: No such file' 'check: a key that is not there' ca --set ca_key=none.key check
check_fails 1 'frob.so in /' 'check: a provider that is not there' ca --set providers=frob check
check 'check' ca check
for what in configuration 'CA key and certificate' 'TLS key and certificate' store allow-list; do
	check_is "check: $what" "$(result "$what")" ok
done
check_fails 1 'unknown configuration key' 'check of a bad configuration' \
    bash -c "cp '$T/conf.before' '$CADIR/tpmiot-ca.conf'; echo 'frob = 1' >>'$CADIR/tpmiot-ca.conf'; '$CA' --dir='$CADIR' check"
cp "$T/conf.pumps" "$CADIR/tpmiot-ca.conf"
check_fails 1 'is not the key' 'check with a TLS key that is another one' ca --set tls_key=ca.key check
check_fails 1 'none.crt' 'check without a CA certificate' ca --set ca_cert=none.crt check
cp "$T/conf.before" "$CADIR/tpmiot-ca.conf"
check_fails 1 '3000 of a group .*group pumps' 'check: the group of entries is gone' ca check
cp "$T/conf.pumps" "$CADIR/tpmiot-ca.conf"
openssl x509 -in "$CADIR/tls.crt" -x509toreq -signkey "$CADIR/tls.key" -out "$T/tls.csr" 2>"$T/err"
openssl x509 -req -in "$T/tls.csr" -CA "$CADIR/ca.crt" -CAkey "$CADIR/ca.key" -days 5 \
    -out "$T/short.crt" 2>"$T/err"
check 'check: a certificate that ends soon' ca --set tls_cert="$T/short.crt" check
check_is 'is a warning' "$(result 'TLS key and certificate')" warning
chmod 0644 "$CADIR/ca.key"
check_fails 1 'ca.key: others may read' 'check: a key for everybody' ca check
check_fails 1 'ca.key: others may read' 'serve: not with it' ca serve
chmod 0600 "$CADIR/ca.key"
check 'check: a PCR policy without values' ca --set pcrs=sha256:7 --set pcr_policies=firmware check
check_grep 'PCR policies.*warning.*firmware' "$T/out" 'is a warning'
chmod 0777 "$CADIR"
check_fails 1 'chmod go-w' 'a directory for everybody' ca check
chmod 0700 "$CADIR"
# A store of an older version: nothing but what is for that changes it.
python3 -c 'import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.executescript("ALTER TABLE registrations DROP COLUMN day; ALTER TABLE registrations DROP COLUMN of_day; PRAGMA user_version=10")' "$CADIR/store.db"
schema() { python3 -c 'import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute("PRAGMA user_version").fetchone())' "$1"; }
for command in 'device list' 'cert list' 'audit' 'check' "ek verify $CADIR/ca.crt" 'crl' "allow add --ek=$(printf '%064d' 9)"; do
	# shellcheck disable=SC2086  # words
	check_fails 1 'tpmiot-ca upgrade' "an older store: $command" ca $command
done
check 'an older store is copied as it is' ca backup "$T/older.db"
check_is 'and none of them changed it' "$(schema "$CADIR/store.db") $(schema "$T/older.db")" '10 10'
check 'upgrade' ca upgrade
check_grep 'brought up to date' "$T/out" 'upgrade: done'
check 'upgrade again' ca upgrade
check_grep 'up to date already' "$T/out" 'upgrade again: nothing to do'
check 'check: the store is fine' ca check
# The key of devices' secrets.
printf secret >"$T/value"
ek=$(printf '%064d' 7)
check 'a secret' ca secret add --ek="$ek" --file="$T/value" wifi
check 'check: its key is there' ca check
check_is 'check: its key is there: ok' "$(result 'secrets of devices')" ok
rm "$CADIR/secrets.key"
check_fails 1 'secrets.key cannot be read: bring it back' 'check: it is lost' ca check
check_fails 1 'secrets.key is lost' 'a second key is not made' ca secret add --ek="$ek" --file="$T/value" wifi
head -c 32 /dev/zero >"$CADIR/secrets.key"
check_fails 1 'secret wifi.*another secrets.key' 'check: it is another one' ca check
ca secret remove 1
openssl rand -base64 32 >"$T/hub-key"
ca dps set-key --ek="$ek" --key-file="$T/hub-key"
head -c 32 /dev/urandom >"$CADIR/secrets.key"
check_fails 1 'hub key of .*another secrets.key' 'check: hub keys need it, too' ca check
check 'dps remove, of a device that never came' ca dps remove "$ek"
rm "$CADIR/secrets.key"
check 'check: nobody needs it' ca check
cp "$T/conf.before" "$CADIR/tpmiot-ca.conf"

# ---- join ----

check 'join add' ca join add --uses=2 --expires=1h --note='line 1' --json
token=$(field token)
check_is 'the token' "${#token}" 40
check_is 'is not in the store' "$(cat "$CADIR"/store.db* | grep -c "$token")" 0
ca join add >"$T/token" 2>"$T/err"
check_is 'standard output is the token alone' "$(wc -c <"$T/token")" 41
check 'join list' ca join list
check_is 'lists it' "$(grep -c 'line 1' "$T/out")" 1
check_fails 2 'uses' 'join add --uses=0' ca join add --uses=0
check_fails 2 'uses must be 1' 'one id for two devices' ca join add --uses=2 --device-id=x
check_fails 2 'expires' 'join add --expires=never' ca join add --expires=never
check 'join remove' ca join remove 1 2
check_fails 1 'number 1' 'join remove again' ca join remove 1

# ---- device, cert, audit ----

check 'device list' ca device list
check_fails 1 'pump-1' 'device show of one that never enrolled' ca device show pump-1
check_fails 1 'pump-1' 'device block of it' ca device block pump-1
check 'cert list' ca cert list --json
check_is 'is empty' "$(cat "$T/out")" '[]'
check_fails 1 '0abc' 'cert show of what is not there' ca cert show 0abc
check_fails 2 'serial' 'cert show of no serial' ca cert show xyz
check 'audit' ca audit --last=0 --json
check_is 'each change stands in the audit log' \
    "$(sed -n 's/.*"reason": "\(join\|allow\|trust remove\|init\).*/\1/p' "$T/out" | sort | uniq -c | tr -s ' \n' ' ')" \
    ' 3011 allow 2 init 4 join 1 trust remove '
check_fails 1 'standard output' 'a full disk behind standard output is noticed' \
    bash -c "'$CA' --dir='$CADIR' audit >/dev/full"

# ---- beside a running server ----

start_ca
check 'allow remove while it runs' ca allow remove "$hash"
check 'join add while it runs' ca join add
check_fails 1 'use|listen' 'a second server on the same port' \
    "$CA" --dir="$CADIR" serve "--listen=127.0.0.1:$CA_PORT"
check 'it stops' stop_ca
check_is 'and leaves its files' "$(files)" \
    'ca.crt ca.key store.db tls.crt tls.key tpmiot-ca.conf '

done_testing
