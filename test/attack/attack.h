/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hostile and broken enrolments, sent over TLS to a running tpmiot-ca: tables of rows, one
 * file for each subject. A row is one request with one thing wrong. Expected are its status
 * and problem type, an entry of that reason in the audit log, and that nothing else in the
 * store changes. main.c runs them.
 */
#ifndef TEST_ATTACK_H
#define TEST_ATTACK_H

#include "../unit/enrolkit.h"
#include "../wire/wire.h"

/* The servers, all on one store. */
enum attack_server {
	AT_OPEN,    /* enrolment = open */
	AT_TOKEN,   /* enrolment = token */
	AT_LISTED,  /* enrolment = listed */
	AT_LATER,   /* open, its clock an hour ahead */
	AT_EARLIER, /* open, its clock an hour behind */
	AT_PCRS,    /* open, asks for SHA-256 PCRs 0 and 7, whose policy allows no values yet */
	AT_HOOK,    /* open, asks a program that does as the file DIR/behaviour says */
	AT_CRL,     /* open, with revocation lists, of which none may be missing */
	AT_CRL_LAX, /* the same, and any may be missing */
	AT_SERVERS  /* how many */
};

struct attack_env {
	struct wire servers[AT_SERVERS];
	struct kit store;          /* only its path: for kit_snapshot() and kit_count() */
	const char *ca, *dir;      /* tpmiot-ca and its directory */
	const char *dir_of_maker;  /* where the first call wrote */
	struct kit_device dev;     /* the attacker's: a genuine TPM, P-256, not enrolled */
	struct kit_device rsa;     /* another one of his, RSA 2048 */
	struct kit_device victim;  /* enrolled before the attacks */
	X509 *victim_cert;         /* what it got */
	struct kit_device revoked; /* was enrolled, its certificate revoked since */
	X509 *revoked_cert;
	struct kit_device blocked; /* was enrolled, blocked since */
	X509 *blocked_cert;
	json_t *victim_first, *victim_second; /* what it sent, recorded by the attacker */
	json_t *revoked_second;
};

struct attack;
typedef json_t *attack_make(
    struct attack_env *env, const struct attack *row, const json_t *challenge);

struct attack {
	const char *what;
	/*
	 * The body of the request. With `path` of the second step (the default for rows with
	 * `second`), challenge is what the first step answered to env->dev.
	 */
	attack_make *make;
	int status;       /* expected */
	const char *type; /* problem; "": none */
	bool second;
	enum attack_server server, first_server;

	/* What the makers are given; see there. */
	const char *field;
	void (*change)(struct tpmiot_buf *buf);
	TPMA_OBJECT flip;
	void (*edit)(TPMT_PUBLIC *area);
	void (*forge)(struct soft_attest *attest);
	void (*forge_quote)(struct soft_quote *quote);
	struct certkit_spec cert;
	const char *text;
};

/* The tables. `clause`: the line of the checklist that all of its rows are about. */
struct attack_table {
	const char *clause;
	const struct attack *rows;
	size_t rows_n;
};
#define ATTACK_TABLE(clause, rows)                                                                 \
	{                                                                                          \
		clause, rows, sizeof(rows) / sizeof((rows)[0])                                     \
	}

extern const struct attack_table attack_ek[], attack_ek_cert[], attack_ak[], attack_key[],
    attack_certify[], attack_session[], attack_json[], attack_quote[], attack_parent[],
    attack_operator_rules[]; /* each ends with a row of NULL */

/* Intermediates of the maker, by what is the matter with their revocation lists. */
#define ATTACK_PLANT "maker's plant"            /* nothing */
#define ATTACK_PLANT_REVOKED "revoked plant"    /* it is on the maker's own list */
#define ATTACK_PLANT_SILENT "plant without"     /* there is none */
#define ATTACK_PLANT_LATE "plant of yesterday"  /* it has ended */
#define ATTACK_PLANT_FORGED "plant of somebody" /* another key signed it */
#define ATTACK_REVOKED "4711"                   /* the serial number on all of these lists */

/* Every field of both requests, each wrong in every way. */
void attack_fields(struct attack_env *env);

/* What is not one request: HTTP itself, renewals, races. */
void attack_http(struct attack_env *env);
void attack_renewals(struct attack_env *env);
void attack_races(struct attack_env *env);

/* What the tables refuse, done right. */
void attack_quotes_accepted(struct attack_env *env);
void attack_secrets(struct attack_env *env);
void attack_hook_accepts(struct attack_env *env);

/* ---- for the tables ---- */

/* The same key under another public area: its attributes flipped, then edited. */
struct softkey attack_claim(const struct softkey *key, const struct attack *row);
/* RSA public areas that are too weak. */
void attack_rsa_1024(TPMT_PUBLIC *a);
void attack_exponent_3(TPMT_PUBLIC *a);
void attack_modulus_roca(TPMT_PUBLIC *a);
/* Takes the binary member at `path`, changes it, puts it back. */
void attack_edit(json_t *body, const char *path, void (*change)(struct tpmiot_buf *buf));
/* Runs the operator's command; *out is what it printed. */
void attack_operator(struct attack_env *env, const char *arguments, struct tpmiot_buf *out);

/* ---- for what is not in a table ---- */

void attack_result(bool ok, const char *clause, const char *what, const char *got);
/* Sends body (which is released) on a connection of its own. False: no answer. */
bool attack_send(struct attack_env *env, enum attack_server server, const char *path, json_t *body,
    struct wire_answer *out);
/* One request with everything that is expected of it: status, type, audit reason, the store. */
void attack_expect(struct attack_env *env, const char *clause, const struct attack *row,
    const char *path, json_t *body, X509 *cert, EVP_PKEY *key);

#endif
