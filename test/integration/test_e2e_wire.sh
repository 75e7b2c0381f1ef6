#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The CA against a client that shares no code with ours, and against bad input.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

start_swtpm
make_ca
trust_mfr
start_ca --set enrolment=open --set rate_limit=off
export T CA CADIR
python3 "$SRC/test/integration/wire_client.py" "$CA_PORT" "$CADIR/ca.crt" 2>"$T/client.err" ||
    show "$T/client.err"
alive ca || note 'the CA is gone'
show "$T/ca.log" 5
TAP_DONE=1
