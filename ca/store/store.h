/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the CA keeps, and the only place that knows it is SQLite.
 *
 * One struct ca_store is one connection, used by one thread. Several processes
 * may have the same store open (`serve` and the admin commands): whatever one
 * commits, the next read of another sees; nothing is cached here. A commit is
 * durable when it returns (WAL, synchronous=FULL).
 *
 * The store has no clock and no policy: times come in as seconds since the
 * epoch, and it refuses only what would contradict itself (TPMIOT_E_CONFLICT).
 * Where nothing was found the code is TPMIOT_E_NOT_FOUND; a full disk or a
 * damaged file is TPMIOT_E_IO.
 *
 * Records are plain data with room for their strings; an empty string means
 * "not said". Those that hold a struct tpmiot_buf must start as { 0 } and are
 * released with tpmiot_buf_free() on it. A find function fills *out on success
 * only; a list function hands a borrowed record to fn, in a stable order, until
 * fn returns false; fn must not write to the store.
 *
 * Every function joins the transaction that is open, or is one by itself.
 */
#ifndef CA_STORE_H
#define CA_STORE_H

#include "ca/pki/ident.h"
#include <tpmiot/buf.h>
#include <tpmiot/public.h>

#define CA_SHA256_LEN 32
#define CA_SERIAL_MAX 20 /* RFC 5280 section 4.1.2.2 */
#define CA_SESSION_ID_LEN 16
#define CA_SEAL_KEY_LEN 32 /* AES-256 */
#define CA_NOTE_MAX 256
#define CA_MAKER_MAX 64
#define CA_PEER_MAX 64 /* "[address]:port" */
#define CA_NAME_MAX 68 /* TPM2B_NAME: hash identifier and SHA-512 digest, rounded up */

struct ca_audit;
struct ca_store;

/* ---- life ---- */

/* Makes an empty store, 0600. TPMIOT_E_CONFLICT if there is a file already. */
TPMIOT_MUST_USE enum tpmiot_rc ca_store_create(const char *path, struct tpmiot_err *err);

/*
 * Opens a store, and changes nothing. TPMIOT_E_NOT_FOUND: no such file. TPMIOT_E_UNSUPPORTED: its
 * schema is of a newer tpmiot-ca, or of an older one. TPMIOT_E_FORMAT: not one.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_store_open(
    const char *path, struct ca_store **out, struct tpmiot_err *err);
/*
 * The same for who can do with an older schema. As long as the store is outdated, only
 * ca_store_upgrade() and ca_store_backup() are for it.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_store_open_any(
    const char *path, struct ca_store **out, struct tpmiot_err *err);
bool ca_store_outdated(const struct ca_store *store);
/* Brings an older schema up to date, as a whole or not at all. */
TPMIOT_MUST_USE enum tpmiot_rc ca_store_upgrade(struct ca_store *store, struct tpmiot_err *err);
void ca_store_free(struct ca_store **store); /* rolls back what is open; NULLs */

/*
 * A copy of all that is committed, into a file of its own, 0600, as a whole or not at all; others
 * may write meanwhile. TPMIOT_E_USAGE: path is the store itself.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_store_backup(
    struct ca_store *store, const char *path, struct tpmiot_err *err);
/*
 * Puts a copy in the place of the store at `path`, which need not be there, and keeps what is there
 * as PATH.old. Sessions from before are void, because the copy does not know which were spent,
 * and revocation lists go on with numbers beyond all that were published.
 * TPMIOT_E_CONFLICT: somebody has the store open. TPMIOT_E_FORMAT: the copy is none, or damaged;
 * nothing was changed.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_store_restore(
    const char *backup, const char *path, int64_t now, struct tpmiot_err *err);

/* ---- transactions ---- */

/*
 * begin takes the write lock at once, so that what is looked up cannot change
 * before it is acted on; it waits up to five seconds for another process. Not nested.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_store_begin(struct ca_store *store, struct tpmiot_err *err);
/* On failure the transaction has been rolled back. */
TPMIOT_MUST_USE enum tpmiot_rc ca_store_commit(struct ca_store *store, struct tpmiot_err *err);
void ca_store_rollback(struct ca_store *store); /* harmless when none is open */

/*
 * Group commit, for a server: from now on, what is committed is kept together, not yet durable
 * and seen by this connection only, until ca_store_settle() writes all of it at once. The write
 * lock is held from the first to that. From now on another process is waited for a fraction of a
 * second only.
 */
void ca_store_group(struct ca_store *store);
/* How many were committed since; 0 without group commit. */
unsigned ca_store_unsettled(const struct ca_store *store);
/* On failure all of them have been rolled back. */
TPMIOT_MUST_USE enum tpmiot_rc ca_store_settle(struct ca_store *store, struct tpmiot_err *err);

/* ---- devices: one per EK ---- */

enum ca_device_state { CA_DEVICE_ACTIVE = 0, CA_DEVICE_BLOCKED = 1 };

struct ca_device {
	uint8_t ek_spki[CA_SHA256_LEN]; /* SHA-256 of the EK's SPKI: what the device is */
	char id[CA_DEVICE_ID_MAX + 1];  /* what it is called: unique; see ca_device_release() */
	char group[CA_GROUP_MAX + 1];
	enum ca_device_state state;
	int64_t first_seen;
	int64_t last_seen;
	char manufacturer[CA_MAKER_MAX]; /* as its EK certificate says */
	char model[CA_MAKER_MAX];
	char version[CA_MAKER_MAX];
	struct tpmiot_buf ek_cert; /* DER; empty if it has none */
};

/*
 * Records an enrolment: a new row, or a fresh last_seen, group, EK certificate
 * and maker for the EK's own row, whose state and first_seen stay. dev->state and
 * dev->first_seen are not looked at. TPMIOT_E_CONFLICT: the id belongs to another
 * EK, or the EK is known by another id.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_device_enrol(
    struct ca_store *store, const struct ca_device *dev, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc ca_device_find(struct ca_store *store,
    const uint8_t ek_spki[CA_SHA256_LEN], struct ca_device *out, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc ca_device_find_id(
    struct ca_store *store, const char *id, struct ca_device *out, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc ca_device_set_state(struct ca_store *store,
    const uint8_t ek_spki[CA_SHA256_LEN], enum ca_device_state state, struct tpmiot_err *err);
/*
 * Makes the device's id free for another one. What it has from now on has a '~' in it, which no
 * device can have by itself, and gives way when the device enrols anew.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_device_release(
    struct ca_store *store, const uint8_t ek_spki[CA_SHA256_LEN], struct tpmiot_err *err);
bool ca_device_is_released(const struct ca_device *dev);
TPMIOT_MUST_USE enum tpmiot_rc ca_device_list(struct ca_store *store,
    bool (*fn)(void *arg, const struct ca_device *dev), void *arg, struct tpmiot_err *err);

/* ---- keys that are registered as they are: no TPM was proved for them ---- */

/*
 * A device that has nothing else: a new row, in which dev->ek_spki is the SHA-256 of its first
 * key's SPKI instead of an EK's. Only ek_spki, id, group and last_seen are looked at.
 * TPMIOT_E_CONFLICT: id or key is another device's, or the allow-list has the id.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_device_register(
    struct ca_store *store, const struct ca_device *dev, struct tpmiot_err *err);

struct ca_device_key {
	uint8_t spki[CA_SHA256_LEN];
	uint8_t ek_spki[CA_SHA256_LEN];       /* the device's row */
	char device_id[CA_DEVICE_ID_MAX + 1]; /* filled on reading */
	struct tpmiot_buf public;             /* SubjectPublicKeyInfo, DER */
	struct tpmiot_buf cert;               /* self-signed, DER; empty: a bare key */
	int64_t not_before;
	int64_t not_after; /* 0: no end */
	int64_t added;
};

/* The device's row must exist. TPMIOT_E_CONFLICT: registered already. */
TPMIOT_MUST_USE enum tpmiot_rc ca_device_key_add(
    struct ca_store *store, const struct ca_device_key *key, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc ca_device_key_find(struct ca_store *store,
    const uint8_t spki[CA_SHA256_LEN], struct ca_device_key *out, struct tpmiot_err *err);
/* Of one device, the newest last. */
TPMIOT_MUST_USE enum tpmiot_rc ca_device_key_list(struct ca_store *store,
    const uint8_t ek_spki[CA_SHA256_LEN], bool (*fn)(void *arg, const struct ca_device_key *key),
    void *arg, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc ca_device_key_remove(
    struct ca_store *store, const uint8_t spki[CA_SHA256_LEN], struct tpmiot_err *err);
void ca_device_key_free(struct ca_device_key *key); /* what it holds */

/* ---- attestation keys: each belongs to one EK for ever ---- */

struct ca_ak {
	uint8_t spki[CA_SHA256_LEN];
	uint8_t ek_spki[CA_SHA256_LEN];
	uint8_t name[CA_NAME_MAX];
	size_t name_len;
	struct tpmiot_buf public; /* TPM2B_PUBLIC, whole */
	int64_t first_seen;
	int64_t last_seen;
};

/* As ca_device_enrol(); the device's row must exist. TPMIOT_E_CONFLICT: it is another EK's. */
TPMIOT_MUST_USE enum tpmiot_rc ca_ak_enrol(
    struct ca_store *store, const struct ca_ak *ak, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc ca_ak_find(struct ca_store *store, const uint8_t spki[CA_SHA256_LEN],
    struct ca_ak *out, struct tpmiot_err *err);
/* The AK that the device used last. */
TPMIOT_MUST_USE enum tpmiot_rc ca_ak_latest(struct ca_store *store,
    const uint8_t ek_spki[CA_SHA256_LEN], struct ca_ak *out, struct tpmiot_err *err);

/* ---- certificates ---- */

enum ca_cert_state { CA_CERT_GOOD = 0, CA_CERT_REVOKED = 1 };

struct ca_cert {
	uint8_t serial[CA_SERIAL_MAX]; /* big endian, no leading zero */
	size_t serial_len;
	uint8_t ek_spki[CA_SHA256_LEN];
	char device_id[CA_DEVICE_ID_MAX + 1]; /* filled on reading */
	uint8_t key_spki[CA_SHA256_LEN];
	uint8_t session[CA_SESSION_ID_LEN];
	int64_t issued;
	int64_t not_before;
	int64_t not_after;
	enum ca_cert_state state;
	int64_t revoked_at;             /* 0 while good */
	int reason;                     /* RFC 5280 section 5.3.1 */
	char profile[CA_GROUP_MAX + 1]; /* "": issued before there were any */
	struct tpmiot_buf der;
};

/* The device's row must exist. TPMIOT_E_CONFLICT: the serial is taken. */
TPMIOT_MUST_USE enum tpmiot_rc ca_cert_add(
    struct ca_store *store, const struct ca_cert *cert, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc ca_cert_find(struct ca_store *store, const uint8_t *serial,
    size_t serial_len, struct ca_cert *out, struct tpmiot_err *err);
/* The last one issued for a device key, whosesoever it is. */
TPMIOT_MUST_USE enum tpmiot_rc ca_cert_find_key(struct ca_store *store,
    const uint8_t key_spki[CA_SHA256_LEN], struct ca_cert *out, struct tpmiot_err *err);
/*
 * Whether any certificate of a device key, not only the last, was revoked for a reason that may be
 * the key's: unspecified, or a compromise. Reasons that are its holder's (privilegeWithdrawn,
 * superseded, cessationOfOperation, affiliationChanged, certificateHold) leave the key as it is.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_cert_key_revoked(struct ca_store *store,
    const uint8_t key_spki[CA_SHA256_LEN], bool *out, struct tpmiot_err *err);
/* Of one device, or with ek_spki NULL of all; in the order of issue. */
TPMIOT_MUST_USE enum tpmiot_rc ca_cert_list(struct ca_store *store, const uint8_t *ek_spki,
    bool (*fn)(void *arg, const struct ca_cert *cert), void *arg, struct tpmiot_err *err);

/*
 * When the n-th last of a device's certificates was issued; 0: there are fewer. n counts from 1.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_cert_issued_before(struct ca_store *store,
    const uint8_t ek_spki[CA_SHA256_LEN], int64_t n, int64_t *out, struct tpmiot_err *err);
/*
 * Good certificates that end (or have ended) by `before`, of devices that are neither blocked nor
 * released and have no later one of the same profile; in the order of their ends.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_cert_list_expiring(struct ca_store *store, int64_t before,
    bool (*fn)(void *arg, const struct ca_cert *cert), void *arg, struct tpmiot_err *err);

/*
 * TPMIOT_E_NOT_FOUND: no such certificate. TPMIOT_E_CONFLICT: revoked already; what was said
 * first stays, but for a keyCompromise that is learned of later: its time stays only.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_cert_revoke(struct ca_store *store, const uint8_t *serial,
    size_t serial_len, int reason, int64_t now, struct tpmiot_err *err);
/* All of a device's that are good and have not ended. *n, how many, may be NULL. */
TPMIOT_MUST_USE enum tpmiot_rc ca_cert_revoke_device(struct ca_store *store,
    const uint8_t ek_spki[CA_SHA256_LEN], int reason, int64_t now, int64_t *n,
    struct tpmiot_err *err);
/* The revoked ones that end after `after`. */
TPMIOT_MUST_USE enum tpmiot_rc ca_cert_list_revoked(struct ca_store *store, int64_t after,
    bool (*fn)(void *arg, const struct ca_cert *cert), void *arg, struct tpmiot_err *err);

/* ---- revocation lists ---- */

struct ca_crl {
	int64_t number; /* filled on reading */
	/* What it was made from: a number that changes with every revocation. */
	int64_t revocations;
	uint8_t issuer[CA_SHA256_LEN]; /* SHA-256 of the issuer's certificate */
	int64_t this_update;
	int64_t next_update;
	struct tpmiot_buf der;
};

TPMIOT_MUST_USE enum tpmiot_rc ca_crl_latest(
    struct ca_store *store, struct ca_crl *out, struct tpmiot_err *err);
/* The number that the next list has; inside the transaction that adds it. */
TPMIOT_MUST_USE enum tpmiot_rc ca_crl_next_number(
    struct ca_store *store, int64_t *out, struct tpmiot_err *err);
/* Replaces the one that is there. */
TPMIOT_MUST_USE enum tpmiot_rc ca_crl_put(
    struct ca_store *store, const struct ca_crl *crl, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc ca_revocations(
    struct ca_store *store, int64_t *out, struct tpmiot_err *err);

/* ---- allow-list ---- */

struct ca_allow {
	uint8_t ek_spki[CA_SHA256_LEN];
	char device_id[CA_DEVICE_ID_MAX + 1]; /* empty: from the EK */
	char group[CA_GROUP_MAX + 1];
	char serial_number[CA_MAKER_MAX]; /* the unit's, for profiles that name it */
	char model[CA_MAKER_MAX];
	char note[CA_NOTE_MAX];
	int64_t added;
};

/* TPMIOT_E_CONFLICT: the EK is listed already, or the id is another entry's or device's. */
TPMIOT_MUST_USE enum tpmiot_rc ca_allow_add(
    struct ca_store *store, const struct ca_allow *allow, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc ca_allow_find(struct ca_store *store,
    const uint8_t ek_spki[CA_SHA256_LEN], struct ca_allow *out, struct tpmiot_err *err);
/*
 * Whether the operator keeps an id for somebody: an entry for another EK has it, or a join token
 * that can still be used for the first time.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_allow_reserved(struct ca_store *store, const char *device_id,
    const uint8_t ek_spki[CA_SHA256_LEN], int64_t now, bool *out, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc ca_allow_remove(
    struct ca_store *store, const uint8_t ek_spki[CA_SHA256_LEN], struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc ca_allow_list(struct ca_store *store,
    bool (*fn)(void *arg, const struct ca_allow *allow), void *arg, struct tpmiot_err *err);

/*
 * Many at once: each is put aside with its line in the operator's file, while others write; then
 * all are added, each with its row in the audit log, inside the transaction that the caller opens.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_allow_stage_start(struct ca_store *store, struct tpmiot_err *err);
/*
 * allow->added is not looked at. *known: another line was just so, and this one is left.
 * TPMIOT_E_CONFLICT: another line has the EK or the id.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_allow_stage(struct ca_store *store, int64_t line,
    const struct ca_allow *allow, bool *known, struct tpmiot_err *err);

struct ca_allow_added {
	int64_t added;
	int64_t known; /* they were on the list just so, and are left */
	int64_t line;  /* after TPMIOT_E_CONFLICT: the first that contradicts list or devices */
};

/* entry: what the audit log has beside device, EK and note; its time is the entries'. */
TPMIOT_MUST_USE enum tpmiot_rc ca_allow_add_staged(struct ca_store *store,
    const struct ca_audit *entry, struct ca_allow_added *out, struct tpmiot_err *err);

/* ---- certificates of TPM makers ---- */

enum ca_root_kind {
	CA_ROOT_ANCHOR = 0, /* self-signed: trusted */
	CA_ROOT_LINK = 1    /* an intermediate: helps to build a path, vouches for nothing */
};

struct ca_root {
	int64_t id;                    /* filled on reading */
	uint8_t sha256[CA_SHA256_LEN]; /* of the DER */
	enum ca_root_kind kind;
	char subject[CA_NOTE_MAX]; /* for people */
	char label[CA_NOTE_MAX];
	int64_t not_after;
	int64_t added;
	struct tpmiot_buf der;
};

/* TPMIOT_E_CONFLICT: it is there already. */
TPMIOT_MUST_USE enum tpmiot_rc ca_root_add(
    struct ca_store *store, const struct ca_root *root, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc ca_root_remove(
    struct ca_store *store, int64_t id, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc ca_root_list(struct ca_store *store,
    bool (*fn)(void *arg, const struct ca_root *root), void *arg, struct tpmiot_err *err);
/*
 * A number that changes whenever a root was added or removed, by whichever
 * process: a server that keeps the parsed roots asks it before each use.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_root_generation(
    struct ca_store *store, int64_t *out, struct tpmiot_err *err);

/* ---- PCR policies: by name, sets of values that devices may have ---- */

struct ca_pcr {
	int64_t id; /* filled on reading */
	char policy[CA_GROUP_MAX + 1];
	char note[CA_NOTE_MAX];
	int64_t added;
	const char *pcrs; /* the one text that tpmiot/pcrset.h has for them; borrowed */
};

/* TPMIOT_E_CONFLICT: the policy has them already. */
TPMIOT_MUST_USE enum tpmiot_rc ca_pcr_add(
    struct ca_store *store, const struct ca_pcr *row, int64_t *id, struct tpmiot_err *err);
/* Whether the policy has exactly these PCRs with these values. */
TPMIOT_MUST_USE enum tpmiot_rc ca_pcr_allowed(struct ca_store *store, const char *policy,
    const char *pcrs, bool *out, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc ca_pcr_list(struct ca_store *store,
    bool (*fn)(void *arg, const struct ca_pcr *row), void *arg, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc ca_pcr_remove(
    struct ca_store *store, int64_t id, struct tpmiot_err *err);

/* ---- what a device's TPM stated last, verified ---- */

struct ca_quote {
	int64_t time;
	struct tpmiot_buf pcrs; /* text as in struct ca_pcr */
	uint32_t resets;        /* the TPM's counters, as it gives them to this AK */
	uint32_t restarts;
	int64_t clock_ms;
	bool clock_safe; /* the clock has not gone back */
};

/* Replaces the one that is there. The device's row must exist. */
TPMIOT_MUST_USE enum tpmiot_rc ca_quote_put(struct ca_store *store,
    const uint8_t ek_spki[CA_SHA256_LEN], const struct ca_quote *quote, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc ca_quote_find(struct ca_store *store,
    const uint8_t ek_spki[CA_SHA256_LEN], struct ca_quote *out, struct tpmiot_err *err);

/* ---- devices' secrets: encrypted by whoever puts them here (../secret/atrest.h) ---- */

#define CA_SECRET_MAX 8192 /* bytes of one */
#define CA_SECRETS_MAX 8   /* of one device, and of one group */

enum ca_secret_kind {
	CA_SECRET_DATA = 0, /* the device can read it */
	CA_SECRET_HMAC = 1  /* an HMAC key that its TPM uses and never gives out */
};

struct ca_secret {
	int64_t id; /* filled on reading */
	char name[CA_GROUP_MAX + 1];
	bool has_ek; /* one device's; else a group's */
	uint8_t ek_spki[CA_SHA256_LEN];
	char group[CA_GROUP_MAX + 1];
	enum ca_secret_kind kind;
	int64_t added;
	struct tpmiot_buf sealed;
};

/* Replaces the one that has the same name and is of the same device or group. */
TPMIOT_MUST_USE enum tpmiot_rc ca_secret_put(
    struct ca_store *store, const struct ca_secret *secret, int64_t *id, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc ca_secret_remove(
    struct ca_store *store, int64_t id, struct tpmiot_err *err);
/* All of a device's own; *n is how many. */
TPMIOT_MUST_USE enum tpmiot_rc ca_secret_remove_device(struct ca_store *store,
    const uint8_t ek_spki[CA_SHA256_LEN], int64_t *n, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc ca_secret_list(struct ca_store *store,
    bool (*fn)(void *arg, const struct ca_secret *secret), void *arg, struct tpmiot_err *err);
/* Those of a device, and those of its group whose names it has not itself. */
TPMIOT_MUST_USE enum tpmiot_rc ca_secret_each_for(struct ca_store *store,
    const uint8_t ek_spki[CA_SHA256_LEN], const char *group,
    bool (*fn)(void *arg, const struct ca_secret *secret), void *arg, struct tpmiot_err *err);

/* Whether there is anything in the store that the vault has encrypted: such a secret, or a hub key.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_store_has_sealed(
    struct ca_store *store, bool *out, struct tpmiot_err *err);

/* ---- join tokens: known by their hash only ---- */

struct ca_token {
	int64_t id;                    /* filled on reading */
	uint8_t sha256[CA_SHA256_LEN]; /* of the token's characters */
	int64_t uses_allowed;          /* devices that may enrol with it */
	int64_t uses;                  /* devices that did; filled on reading */
	int64_t expires;
	char device_id[CA_DEVICE_ID_MAX + 1]; /* empty: from the EK; else uses_allowed is 1 */
	char group[CA_GROUP_MAX + 1];
	char note[CA_NOTE_MAX];
	int64_t added;
};

TPMIOT_MUST_USE enum tpmiot_rc ca_token_add(
    struct ca_store *store, const struct ca_token *token, int64_t *id, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc ca_token_find(struct ca_store *store,
    const uint8_t sha256[CA_SHA256_LEN], struct ca_token *out, struct tpmiot_err *err);
/* By number, as sealed in a session: in the second step the token itself is not there. */
TPMIOT_MUST_USE enum tpmiot_rc ca_token_find_id(
    struct ca_store *store, int64_t id, struct ca_token *out, struct tpmiot_err *err);
/* Whether this device has used the token before: it may again, at no further cost. */
TPMIOT_MUST_USE enum tpmiot_rc ca_token_used_by(struct ca_store *store, int64_t id,
    const uint8_t ek_spki[CA_SHA256_LEN], bool *out, struct tpmiot_err *err);
/*
 * Counts one device's use; a second use by the same device counts nothing.
 * TPMIOT_E_POLICY: used up, or expired at `now`. TPMIOT_E_NOT_FOUND: removed.
 * Call it inside the transaction that records the device.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_token_use(struct ca_store *store, int64_t id,
    const uint8_t ek_spki[CA_SHA256_LEN], int64_t now, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc ca_token_remove(
    struct ca_store *store, int64_t id, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc ca_token_list(struct ca_store *store,
    bool (*fn)(void *arg, const struct ca_token *token), void *arg, struct tpmiot_err *err);

/* ---- spent sessions ---- */

struct ca_session {
	uint8_t id[CA_SESSION_ID_LEN];
	uint8_t ek_spki[CA_SHA256_LEN];
	uint8_t key_spki[CA_SHA256_LEN]; /* the device key it was spent on */
	uint8_t serial[CA_SERIAL_MAX];
	size_t serial_len;
	uint32_t seal_key; /* that the session was sealed with */
};

/* TPMIOT_E_CONFLICT: spent already. */
TPMIOT_MUST_USE enum tpmiot_rc ca_session_spend(
    struct ca_store *store, const struct ca_session *session, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc ca_session_find(struct ca_store *store,
    const uint8_t id[CA_SESSION_ID_LEN], struct ca_session *out, struct tpmiot_err *err);
/*
 * Removes those that nothing can open any more, because their sealing key is gone. Not those that
 * ended: a clock that is set back would begin them again.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_session_purge(struct ca_store *store, struct tpmiot_err *err);

/* ---- how much there is of everything ---- */

struct ca_counts {
	int64_t devices_active, devices_blocked;
	int64_t certs_good, certs_revoked; /* that have not ended at `now` */
	int64_t allowed;
};

TPMIOT_MUST_USE enum tpmiot_rc ca_counts(
    struct ca_store *store, int64_t now, struct ca_counts *out, struct tpmiot_err *err);

/* ---- keys that seal sessions, shared by all instances ---- */

struct ca_seal_key {
	uint32_t id;                  /* filled on reading, never 0 */
	uint8_t key[CA_SEAL_KEY_LEN]; /* secret: OPENSSL_cleanse it */
	int64_t added;
};

TPMIOT_MUST_USE enum tpmiot_rc ca_seal_key_add(struct ca_store *store,
    const uint8_t key[CA_SEAL_KEY_LEN], int64_t now, struct tpmiot_err *err);
/* The newest: the one to seal with. */
TPMIOT_MUST_USE enum tpmiot_rc ca_seal_key_newest(
    struct ca_store *store, struct ca_seal_key *out, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc ca_seal_key_find(
    struct ca_store *store, uint32_t id, struct ca_seal_key *out, struct tpmiot_err *err);
/* Removes keys added before `before` or after `after`, the newest excepted. */
TPMIOT_MUST_USE enum tpmiot_rc ca_seal_key_purge(
    struct ca_store *store, int64_t before, int64_t after, struct tpmiot_err *err);

/* ---- audit log: append-only, the database itself refuses to change it ---- */

struct ca_audit {
	int64_t id; /* filled on reading */
	int64_t time;
	char event[32];    /* "attest", "issue", "admin" … */
	char decision[16]; /* "accepted", "refused", "done" */
	char reason[64];   /* problem type or command: stable, for machines */
	char device_id[CA_DEVICE_ID_MAX + 1];
	bool has_ek;
	uint8_t ek_spki[CA_SHA256_LEN];
	char peer[CA_PEER_MAX];
	char detail[TPMIOT_ERR_TEXT_MAX]; /* for people */
	const char *pcrs;                 /* the values that the device had, as in struct ca_pcr;
	                                     borrowed; NULL: none were verified */
};

TPMIOT_MUST_USE enum tpmiot_rc ca_audit_add(
    struct ca_store *store, const struct ca_audit *entry, struct tpmiot_err *err);
/* Appends the PCR values of one entry; TPMIOT_E_NOT_FOUND if there is none, or it has none. */
TPMIOT_MUST_USE enum tpmiot_rc ca_audit_pcrs(
    struct ca_store *store, int64_t id, struct tpmiot_buf *out, struct tpmiot_err *err);
/* The last n entries (n <= 0: all), oldest first. */
TPMIOT_MUST_USE enum tpmiot_rc ca_audit_list(struct ca_store *store, int64_t last,
    bool (*fn)(void *arg, const struct ca_audit *entry), void *arg, struct tpmiot_err *err);

/* ---- registrations by Azure's provisioning protocol: keys and hubs ---- */

#define CA_HUB_MAX 253 /* a host's name */

/* Starts as { 0 }; ca_dps_clear() it. */
struct ca_dps {
	uint8_t ek_spki[CA_SHA256_LEN];
	struct tpmiot_buf key;                      /* the device's HMAC key, of the vault */
	char registration_id[CA_DEVICE_ID_MAX + 1]; /* "": never registered, or another's by now */
	char hub[CA_HUB_MAX + 1];
	struct tpmiot_buf ek_public;  /* TPM2B_PUBLIC; as the next one */
	struct tpmiot_buf srk_public; /* of the last registration */
	int64_t registrations;        /* how many were finished */
	int64_t registered;           /* when the last one was */
	int64_t day;                  /* when a day of such began, and */
	int64_t of_day;               /* how many were finished in it */
};

/* A device's key alone, whether or not it has registered; the rest stays. */
TPMIOT_MUST_USE enum tpmiot_rc ca_dps_set_key(struct ca_store *store,
    const uint8_t ek_spki[CA_SHA256_LEN], const struct tpmiot_buf *key, struct tpmiot_err *err);
/* All of it. Another device that had the registration id has none then. */
TPMIOT_MUST_USE enum tpmiot_rc ca_dps_put(
    struct ca_store *store, const struct ca_dps *dps, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc ca_dps_find(struct ca_store *store,
    const uint8_t ek_spki[CA_SHA256_LEN], struct ca_dps *out, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc ca_dps_find_id(struct ca_store *store, const char *registration_id,
    struct ca_dps *out, struct tpmiot_err *err);
/* Devices that a hub has, this one aside. */
TPMIOT_MUST_USE enum tpmiot_rc ca_dps_count_hub(struct ca_store *store, const char *hub,
    const uint8_t but[CA_SHA256_LEN], int64_t *out, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc ca_dps_list(struct ca_store *store,
    bool (*fn)(void *arg, const struct ca_dps *dps), void *arg, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc ca_dps_remove(
    struct ca_store *store, const uint8_t ek_spki[CA_SHA256_LEN], struct tpmiot_err *err);
void ca_dps_clear(struct ca_dps *dps);

/* ---- settings: small values that are not the operator's to edit ---- */

TPMIOT_MUST_USE enum tpmiot_rc ca_setting_set(
    struct ca_store *store, const char *name, const void *data, size_t len, struct tpmiot_err *err);
/* Appends the value. */
TPMIOT_MUST_USE enum tpmiot_rc ca_setting_get(
    struct ca_store *store, const char *name, struct tpmiot_buf *out, struct tpmiot_err *err);

#endif
