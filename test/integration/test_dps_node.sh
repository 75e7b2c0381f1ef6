#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Microsoft's Node client, unmodified, registers with our CA and signs with the key that it got.
# Its packages come from npm; TPMIOT_NODE_MODULES names a folder that has them already.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/lib.sh"

PACKAGES=(azure-iot-provisioning-device@1.9.1 azure-iot-provisioning-device-http@1.9.1
    azure-iot-security-tpm@1.9.3 tss.js@2.0.0)
SCOPE=0ne00TEST

for program in node npm; do
	command -v $program >/dev/null || skip_all "$program is not here"
done
MODULES=${TPMIOT_NODE_MODULES:-}
if [ -z "$MODULES" ]; then
	mkdir "$T/node"
	(cd "$T/node" && timeout 100 npm install --ignore-scripts --no-audit --no-fund --no-save \
	    "${PACKAGES[@]}" >"$T/npm.log" 2>&1) || skip_all "npm cannot install ${PACKAGES[*]}"
	MODULES=$T/node/node_modules
fi

node_client() {
	NODE_PATH=$MODULES NODE_EXTRA_CA_CERTS=$CADIR/ca.crt node --no-deprecation \
	    "$SRC/test/integration/dps_node.js" "${TPMIOT_TCTI##*=}" "localhost:$CA_PORT" "$SCOPE" "$@"
}
verify() { tpmiot-ca --dir="$CADIR" token verify --audience="$1" <"$T/token"; }

start_swtpm
make_ca --host=localhost
start_ca --set dps_scope=$SCOPE --set hubs=hub.example.net

check_fails '*' 'Forbidden|403|not on its allow-list|Unauthorized' 'a device that is not listed' node_client
tpmiot-enroll ek --public-out="$T/ek.pem" >/dev/null 2>&1
tpmiot-ca --dir="$CADIR" allow add --ek="$T/ek.pem" --device-id=Dev_1.a:b >/dev/null
for id in '' Dev_1.a:b; do
	check "${id:-the default id}: it registers" node_client ${id:+"$id"}
	cp "$T/out" "$T/client"
	check_is "${id:-the default id}: hub and device" "$(sed -n 1,2p "$T/client" | tr '\n' ' ')" 'hub.example.net Dev_1.a:b '
	sed -n 3p "$T/client" >"$T/token"
	check "${id:-the default id}: what it signed holds" verify hub.example.net
done
check_fails '*' . 'another id' node_client Dev_2

# What either of the two stored is the other's, too.
check 'our client beside it' tpmiot-enroll dps --id-scope=$SCOPE --server="localhost:$CA_PORT" \
    --ca-file="$CADIR/ca.crt"
tpmiot-enroll token sas >"$T/token"
check 'with the same key' verify hub.example.net
done_testing
