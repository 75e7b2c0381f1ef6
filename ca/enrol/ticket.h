/* SPDX-License-Identifier: Apache-2.0 */
/* What the CA has to know in the second step of an enrolment, and how that is written as bytes. */
#ifndef CA_TICKET_H
#define CA_TICKET_H

#include <tpmiot/ekcert.h>
#include <tpmiot/pcrset.h>

#include "ca/store/store.h"

#define CA_NONCE_LEN 32
#define CA_TICKET_CERT_MAX 2560 /* EK certificates have 1 to 2 KiB */
#define CA_SECRET_LEN 32        /* no longer than the digest of any EK's nameAlg */

/* One record {EK, AK, nonce, who} from the first step to the last. */
struct ca_ticket {
	uint8_t id[CA_SESSION_ID_LEN];
	/* A renewal: the certificate that it was asked for with. Else of length 0. */
	uint8_t renews[CA_SERIAL_MAX];
	size_t renews_len;
	int64_t expires;
	uint8_t nonce[CA_NONCE_LEN];
	uint8_t secret_sha256[CA_SHA256_LEN]; /* zeroes in a renewal: there is none */
	uint8_t ek_spki[CA_SHA256_LEN];
	struct tpmiot_public ak;
	bool ek_trusted; /* its certificate chained to a trusted root */
	int64_t roots;   /* of which generation these were */
	/* That certificate, DER, to be kept with the device; else, and if it is longer, of length
	 * 0. */
	uint8_t ek_cert[CA_TICKET_CERT_MAX];
	size_t ek_cert_len;
	struct tpmiot_ekcert_info info;
	int64_t token; /* the join token's number; 0: none */
	char device_id[CA_DEVICE_ID_MAX + 1];
	char group[CA_GROUP_MAX + 1];
	char profile[CA_GROUP_MAX + 1];
	struct tpmiot_pcrset pcrs; /* what is to be quoted; without values */
	uint32_t seal_key;         /* which one opened it: seal.h fills it; not among the bytes */
};

/* Appends it. */
void ca_ticket_put(const struct ca_ticket *ticket, struct tpmiot_buf *out);

/* Only what ca_ticket_put() writes, to the byte; else TPMIOT_E_FORMAT. */
TPMIOT_MUST_USE enum tpmiot_rc ca_ticket_parse(OSSL_LIB_CTX *libctx, const uint8_t *data,
    size_t len, struct ca_ticket *out, struct tpmiot_err *err);

#endif
