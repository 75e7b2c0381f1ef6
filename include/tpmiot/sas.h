/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared access signatures, the tokens of Azure's services:
 *
 *	SharedAccessSignature sr=RESOURCE&sig=BASE64&se=SECONDS[&skn=NAME]
 *
 * with RESOURCE and BASE64 percent-encoded, SECONDS since the epoch, and the signature an
 * HMAC-SHA256 over RESOURCE, a line feed and SECONDS, as they stand there. Clients encode
 * the same resource in several ways; so what is verified is the text that came, and what
 * is compared is what it decodes to.
 */
#ifndef TPMIOT_SAS_H
#define TPMIOT_SAS_H

#include <tpmiot/kdf.h>

#define TPMIOT_SAS_PREFIX "SharedAccessSignature "
#define TPMIOT_SAS_TEXT_MAX 4096    /* of a token */
#define TPMIOT_SAS_RESOURCE_MAX 512 /* of what sr decodes to */
#define TPMIOT_SAS_SIG_LEN 32

/* How Azure's clients percent-encode: both upper-case, but for what only the second one encodes. */
enum tpmiot_sas_escape {
	TPMIOT_SAS_REGISTRATION, /* leaves ! * ' ( ) ~ as they are */
	TPMIOT_SAS_HUB           /* ! * ' ( ) become lower-case escapes, "%2a" */
};

/* Appends the text percent-encoded. */
void tpmiot_sas_escape(const char *text, enum tpmiot_sas_escape how, struct tpmiot_buf *out);

/* Appends what is to be signed. */
void tpmiot_sas_put_to_sign(const char *escaped, int64_t expires, struct tpmiot_buf *out);

/* Appends the token; key_name NULL: without skn. */
void tpmiot_sas_put(const char *escaped, int64_t expires, const uint8_t sig[TPMIOT_SAS_SIG_LEN],
    const char *key_name, struct tpmiot_buf *out);

/* A token taken apart; pieces are borrowed from its text. */
struct tpmiot_sas {
	struct tpmiot_bytes sr;  /* as it came */
	struct tpmiot_bytes se;  /* likewise */
	struct tpmiot_bytes skn; /* len 0: none */
	int64_t expires;
	uint8_t sig[TPMIOT_SAS_SIG_LEN];
	char resource[TPMIOT_SAS_RESOURCE_MAX + 1]; /* sr, decoded */
};

/*
 * TPMIOT_E_FORMAT, naming the member: unknown, missing or twice; a bad escape, an escaped NUL;
 * a signature that is not 32 bytes; a time that is no number.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_sas_parse(
    const char *text, struct tpmiot_sas *out, struct tpmiot_err *err);

/* Whether key made it, in constant time: else TPMIOT_E_VERIFY. Says nothing of its time. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_sas_verify(OSSL_LIB_CTX *libctx, const struct tpmiot_sas *sas,
    struct tpmiot_bytes key, struct tpmiot_err *err);

/* Whether it is for this resource; letter case does not count, since clients change it. */
bool tpmiot_sas_is_for(const struct tpmiot_sas *sas, const char *resource);

#endif
