/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: which options there are, which command takes which. */
#ifndef ENROLL_OPTS_H
#define ENROLL_OPTS_H

#include <stdbool.h>
#include <stddef.h>

#include <tpmiot/err.h>

#define ENROLL_WORDS_MAX 32

/* An option that may be given more than once. */
struct enroll_words {
	const char *items[ENROLL_WORDS_MAX];
	size_t n;
};

/* Strings are borrowed from argv; NULL and false where nothing was given. */
struct enroll_opts {
	const char *command;
	const char *kind; /* the second word of those commands that have one */
	const char *word; /* and the third */
	/* every command */
	const char *tcti;
	const char *state_dir;
	bool json;
	bool quiet;
	bool verbose;
	bool help;
	bool version;
	/* those that may need it: of the owner and of the endorsement hierarchy */
	const char *owner_auth_file;
	const char *endorsement_auth_file;
	const char *key_auth_file;
	/* enroll */
	const char *server;
	const char *ca_file;
	const char *ca_fingerprint;
	const char *join_token_file;
	const char *name;    /* reset, too */
	const char *timeout; /* of each request; dps: of the assignment */
	const char *group;   /* whose services may use the key */
	const char *key;
	const char *device_id;
	const char *profile;
	const char *ek; /* ek, too */
	/* renew */
	const char *before;
	bool rekey;
	/* dps */
	const char *id_scope;
	const char *registration_id;
	bool persistent;
	bool again;
	/* ek */
	const char *public_out;
	const char *cert_out;
	/* token */
	const char *alg;
	const char *aud;
	const char *sub;
	const char *ttl;
	const char *resource;
	struct enroll_words claims;
	bool check_clock;
	char *const *exec; /* what follows --exec, up to NULL */
	/* reset */
	bool yes;
};

/*
 * Options may stand before and behind the command. TPMIOT_E_USAGE, saying what
 * is wrong, for an unknown option, a missing or empty value, an option of
 * another command, no command (unless help or version is asked for), too many words. What
 * follows --exec is a command line of its own.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_opts_parse(
    int argc, char **argv, struct enroll_opts *out, struct tpmiot_err *err);

#endif
