#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The CA's key in an HSM: SoftHSM behind pkcs11-provider, named by a pkcs11: URI. The provider is not in every
# distribution: PKCS11_PROVIDER says where its module is (make check-hsm PKCS11_PROVIDER=FILE).
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

MODULES=$(openssl version -m | sed -n 's/^MODULESDIR: "\(.*\)"$/\1/p')
PROVIDER=${PKCS11_PROVIDER:-$MODULES/pkcs11.so}
SOFTHSM=$(find /usr/lib /usr/local/lib -name libsofthsm2.so -print -quit 2>/dev/null)
[ -e "$PROVIDER" ] || skip_all 'pkcs11-provider is not installed; built aside: make check-hsm PKCS11_PROVIDER=FILE'
[ -n "$SOFTHSM" ] || skip_all 'SoftHSM is not installed (softhsm2)'

# The private half never is a file: the token makes the key.
mkdir "$T/tokens"
echo "directories.tokendir = $T/tokens" >"$T/softhsm2.conf"
echo 1234 >"$T/pin"
cat >"$T/hsm.cnf" <<CNF
openssl_conf = init
[init]
providers = providers
[providers]
pkcs11 = pkcs11
default = default
[pkcs11]
module = $PROVIDER
pkcs11-module-path = $SOFTHSM
pkcs11-module-token-pin = file:$T/pin
# SoftHSM computes with the libcrypto of the process that loads it: what it asks for must not come back to it.
pkcs11-module-block-operations = digest cipher
pkcs11-module-quirks = no-deinit no-operation-state
pkcs11-module-encode-provider-uri-to-pem = true
[default]
activate = 1
CNF
export SOFTHSM2_CONF=$T/softhsm2.conf
KEY='pkcs11:token=ca;object=ca-key;type=private'
hsm() { OPENSSL_CONF=$T/hsm.cnf timeout 20 "$@"; }
ca() { hsm "$CA" --dir="$CADIR" "$@"; }

check 'a token' softhsm2-util --init-token --free --label ca --so-pin 5678 --pin 1234
check 'a key in it' hsm openssl genpkey -provider pkcs11 -provider default -propquery provider=pkcs11 \
    -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt 'pkcs11_uri:pkcs11:token=ca;object=ca-key' -out "$T/ref.pem"

check 'init' ca --set providers=pkcs11 init --name='HSM CA' --host=localhost --host=127.0.0.1 --ca-key="$KEY"
check 'no ca.key is a file' test ! -e "$CADIR/ca.key"
check_grep "^ca_key = pkcs11:token=ca" "$CADIR/tpmiot-ca.conf" 'the configuration has the URI'
check_grep '^providers = pkcs11' "$CADIR/tpmiot-ca.conf" 'and the provider'
check 'check' ca check
check_fails 1 'no private key could be loaded' 'another object: check says so' \
    ca --set ca_key='pkcs11:token=ca;object=other;type=private' check

start_swtpm
trust_mfr
OPENSSL_CONF=$T/hsm.cnf start_ca --set enrolment=open
check 'a device enrols' enroll
check 'its certificate is by that key' openssl verify -CAfile "$CADIR/ca.crt" "$TPMIOT_STATE_DIR/device.crt"
check 'it renews' tpmiot-enroll renew --before=4000d --rekey
check 'a revocation list' ca crl --out="$T/crl"
check 'is signed by that key' openssl crl -in "$T/crl" -CAfile "$CADIR/ca.crt" -noout
check 'a reload' kill -HUP "${PIDS[ca]}"
check 'reads the key anew' wait_for_line ca 'reloaded'
check 'and it goes on' tpmiot-enroll renew --before=4000d
check 'it stops' stop_ca
echo 4321 >"$T/pin"
check_fails 1 'no private key could be loaded' 'a wrong PIN: it does not start' ca serve --listen=127.0.0.1:0
done_testing
