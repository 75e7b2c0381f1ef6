/* SPDX-License-Identifier: Apache-2.0 */
/* How much there is of everything, for monitoring. */
#include "ca/store/store_int.h"

enum tpmiot_rc
ca_counts(struct ca_store *store, int64_t now, struct ca_counts *out, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store,
	    "SELECT (SELECT count(*) FROM devices WHERE state = 0),"
	    " (SELECT count(*) FROM devices WHERE state = 1),"
	    " (SELECT count(*) FROM certificates WHERE state = 0 AND not_after > ?1),"
	    " (SELECT count(*) FROM certificates WHERE state = 1 AND not_after > ?1),"
	    " (SELECT count(*) FROM allow)");
	struct ca_counts counts = { 0 };
	enum tpmiot_rc rc;

	ca_bind_int(&st, now);
	if (ca_stmt_row(&st)) {
		counts.devices_active = ca_col_int(&st);
		counts.devices_blocked = ca_col_int(&st);
		counts.certs_good = ca_col_int(&st);
		counts.certs_revoked = ca_col_int(&st);
		counts.allowed = ca_col_int(&st);
	}
	rc = ca_stmt_end(&st, "counts", err);
	if (rc == TPMIOT_OK)
		*out = counts;
	return rc;
}
