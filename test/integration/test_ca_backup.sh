#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Backup while the server works, restore, and what devices see of it; the expiry report; the limit
# of certificates for one device.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

ca() { tpmiot-ca --dir="$CADIR" "$@"; }
crl_number() { ca crl | openssl crl -noout -crlnumber | sed 's/.*=0x0*//'; }

start_swtpm
make_ca
trust_mfr
start_ca --set enrolment=open --set rate_limit=off
check 'enrol' enroll

# ---- Backup ----

check 'backup while the server runs' ca backup "$T/backup.db"
check_is 'for nobody else to read' "$(stat -c %a "$T/backup.db")" 600
check_is 'and nothing is left beside it' "$(echo "$T"/backup.db*)" "$T/backup.db"
check 'SQLite finds it whole' test "$(sqlite3 "$T/backup.db" 'PRAGMA integrity_check')" = ok
check 'again over the one before' ca backup "$T/backup.db"
check_fails 2 'the store itself' 'not over the store' ca backup "$CADIR/store.db"
check_fails 2 'FILE' 'without a name' ca backup
check 'the audit log knows' ca audit
check_grep 'backup' "$T/out" 'the audit log knows: backup'

# ---- What comes later is lost by the restore, and its device helps itself ----

export TPMIOT_STATE_DIR=$T/state-later
check 'enrol later' enroll --name=later
before=$(printf '%d' "0x$(crl_number)")
check_fails 1 'in use' 'restore while the server runs' ca restore "$T/backup.db"
check 'nothing was changed by that' test "$(ca cert list --json | grep -c '"serial"')" = 2
stop_ca
check_fails 1 'nothing' 'restore of a file that is not there' ca restore "$T/nothing.db"
check_fails 1 'no store|no backup|damaged' 'restore of something else' ca restore "$CADIR/tpmiot-ca.conf"
check 'nothing was changed by that, either' test "$(ca cert list --json | grep -c '"serial"')" = 2
check 'restore' ca restore "$T/backup.db"
check_grep 'store.db.old' "$T/out" 'what was there is kept'
check_is 'the certificate from before is there' "$(ca cert list --json | grep -c '"serial"')" 1
check 'and what was there can be put back' test -s "$CADIR/store.db.old"
check 'revocation lists go on with higher numbers' test "$(printf '%d' "0x$(crl_number)")" -gt "$before"
check 'check' ca check
start_ca --set enrolment=open --set rate_limit=off
check_fails 3 'client-certificate-invalid|not issued by this CA' 'the certificate that is lost cannot be renewed' \
    tpmiot-enroll renew --before=1000d --name=later
rm -rf "$TPMIOT_STATE_DIR"
check 'its device enrols again' enroll --name=later
export TPMIOT_STATE_DIR=$T/state
check 'the one from before is renewed' tpmiot-enroll renew --before=1000d
stop_ca

# The store is gone altogether.
rm -f "$CADIR"/store.db*
check 'restore into nothing' ca restore "$T/backup.db"
check 'and it is good' ca check

# ---- The expiry report ----

check 'report: nothing ends within 30 days' ca cert list --expiring=30d --json
check_is 'report: empty' "$(cat "$T/out")" '[]'
check 'report: all that ends within 400 days' ca cert list --expiring=400d
check_grep 'ek-' "$T/out" 'report: the device'
check_fails 2 'duration' 'report: no time' ca cert list --expiring=soon
check_fails 2 'not both' 'report: of one device' ca cert list --expiring=1d --device=x

# ---- The limit for one device ----

start_ca --set enrolment=open --set rate_limit=off --set issue_limit=2
export TPMIOT_STATE_DIR=$T/state-limit
check 'the second certificate' enroll
export TPMIOT_STATE_DIR=$T/state-over
check_fails '*' 'issue_limit' 'the third is refused' timeout 8 "$ENROLL" -q enroll --server="$CA_URL" --ca-file="$CADIR/ca.crt"
show "$T/out"
check_grep ' 429 rate-limited' "$T/ca.log" 'with 429'

done_testing
