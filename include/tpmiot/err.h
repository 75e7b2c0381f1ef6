/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors: one code that must be looked at, and one text that the caller owns.
 *
 * A function that can fail returns enum tpmiot_rc and takes a struct
 * tpmiot_err last. Its outputs are untouched on failure. The text names the
 * cause and, where there is one, the next step; it is translated once, at the
 * program's edge (OpenSSL's error stack, an exit code, a problem document).
 */
#ifndef TPMIOT_ERR_H
#define TPMIOT_ERR_H

#include <stdarg.h>
#include <stdint.h>

enum tpmiot_rc {
	TPMIOT_OK = 0,
	TPMIOT_E_MEMORY,      /* out of memory */
	TPMIOT_E_USAGE,       /* the caller asked for something that makes no sense */
	TPMIOT_E_FORMAT,      /* bytes that are not what they claim to be */
	TPMIOT_E_VERIFY,      /* well-formed evidence that does not hold */
	TPMIOT_E_POLICY,      /* refused by the operator's policy */
	TPMIOT_E_UNSUPPORTED, /* an algorithm, curve or option we do not serve */
	TPMIOT_E_NOT_FOUND,   /* no such key, object, file, row */
	TPMIOT_E_CONFLICT,    /* exists already, bound to something else */
	TPMIOT_E_IO,          /* file system: errno's text is in err->text */
	TPMIOT_E_PERM,        /* file system or device: permission */
	TPMIOT_E_CRYPTO,      /* libcrypto failed; its last reason is in the text */
	TPMIOT_E_NET,         /* peer not reachable */
	TPMIOT_E_TRUST,       /* peer reached, but it is not who it should be */
	TPMIOT_E_REFUSED,     /* the peer (the CA) refused */
	TPMIOT_E_AUTH,        /* TPM: wrong authorisation value */
	TPMIOT_E_LOCKOUT,     /* TPM: dictionary-attack lockout */
	TPMIOT_E_TPM_FULL,    /* TPM: no free object or session slot */
	TPMIOT_E_TPM_GONE,    /* TPM: not there, or the connection broke */
	TPMIOT_E_TPM          /* TPM: any other response code; see err->tss */
};

#define TPMIOT_ERR_TEXT_MAX 512

struct tpmiot_err {
	enum tpmiot_rc rc;
	uint32_t tss;                   /* TSS2_RC, 0 where no TPM was involved */
	char text[TPMIOT_ERR_TEXT_MAX]; /* NUL-terminated, one line: for control characters, '?' */
};

#define TPMIOT_MUST_USE __attribute__((warn_unused_result))
#define TPMIOT_PRINTF(f, a) __attribute__((format(printf, f, a)))

/*
 * Sets code and text; err may be NULL. Returns rc, so that a function can
 * `return tpmiot_err_set(err, TPMIOT_E_FORMAT, "…")`.
 */
enum tpmiot_rc tpmiot_err_set(struct tpmiot_err *err, enum tpmiot_rc rc, const char *fmt, ...)
    TPMIOT_PRINTF(3, 4);

/*
 * As above, and appends the newest reason on libcrypto's error stack, with what libcrypto
 * says about it; then tpmiot_err_forget().
 */
enum tpmiot_rc tpmiot_err_crypto(struct tpmiot_err *err, const char *fmt, ...) TPMIOT_PRINTF(2, 3);

/*
 * Drops what is on libcrypto's error stack, down to the last ERR_set_mark(), which stays, or
 * all of it where there is none. So whoever has errors of its own below, as the application
 * that calls the provider, sets a mark first.
 */
void tpmiot_err_forget(void);

/* As above with TPMIOT_E_IO or TPMIOT_E_PERM by errno, whose text is appended. */
enum tpmiot_rc tpmiot_err_errno(struct tpmiot_err *err, const char *fmt, ...) TPMIOT_PRINTF(2, 3);

/* Puts "prefix: " in front of the text that is there. Returns err->rc; for callers whose err is not
 * NULL. */
enum tpmiot_rc tpmiot_err_prefix(struct tpmiot_err *err, const char *fmt, ...) TPMIOT_PRINTF(2, 3);

/* TPMIOT_E_MEMORY with its one text. */
enum tpmiot_rc tpmiot_err_memory(struct tpmiot_err *err);

#endif
