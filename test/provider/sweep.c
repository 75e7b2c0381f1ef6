/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sweep FAULT-TCTI STRIDE SCENARIO…: every fault at every command of what an
 * application does with a key (every STRIDE-th one). After each fault the same is
 * done again without one, and has to work. A scenario is NAME=KEY, where NAME is
 * "sign", "pss", "oaep" or "pkcs1" (decryption), "derive", "generate" (KEY is the
 * parent), or "unseal".
 *
 * A fault may turn an operation into an error; it must not crash the program, let it
 * wait for ever, leave an object in the TPM, leave memory behind, or give a wrong result for a good
 * one. TPMIOT_TCTI leads to the TPM through FAULT-TCTI.
 */
#include <config.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include <tpmiot/tpm.h>

#include "keyuser.h"
#include "test/tcti/fault.h"
#include "unsealer.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define COMMANDS_MAX 40
#define FLIPS 8 * 200 /* bits of a response */

static fault_arm_fn *arm;
static fault_sent_fn *sent;
static unsigned long n_cases, n_errors, n_bad;
static long outstanding; /* allocations of libcrypto's */

/* One of each class: a format-one code with handle, session and parameter; warnings; what is waited
 * out. */
static const uint32_t CODES[] = {
	TPM2_RC_VALUE | TPM2_RC_P | TPM2_RC_1,
	TPM2_RC_HANDLE | TPM2_RC_H | TPM2_RC_1,
	TPM2_RC_BAD_AUTH | TPM2_RC_S | TPM2_RC_1,
	TPM2_RC_INTEGRITY | TPM2_RC_P | TPM2_RC_1,
	TPM2_RC_SCHEME | TPM2_RC_P | TPM2_RC_2,
	TPM2_RC_REFERENCE_H0,
	TPM2_RC_REFERENCE_S0,
	TPM2_RC_OBJECT_MEMORY,
	TPM2_RC_SESSION_MEMORY,
	TPM2_RC_MEMORY,
	TPM2_RC_RETRY,
	TPM2_RC_YIELDED,
	TPM2_RC_TESTING,
	TPM2_RC_CANCELED,
	TPM2_RC_LOCKOUT,
	TPM2_RC_NV_RATE,
	TPM2_RC_INITIALIZE,
	TPM2_RC_FAILURE,
	TPM2_RC_COMMAND_CODE,
	TPM2_RC_BAD_TAG,
	0xffffffff,
};

static const struct {
	enum fault_kind kind;
	uint32_t arg;
} OTHERS[] = {
	{ FAULT_TRUNCATE, 1 },
	{ FAULT_TRUNCATE, 7 },
	{ FAULT_TRUNCATE, 30 },
	{ FAULT_TRUNCATE, 9999 },
	{ FAULT_CUT, 1 },
	{ FAULT_CUT, 20 },
	{ FAULT_CUT, 9999 },
	{ FAULT_TRAIL, 1 },
	{ FAULT_TRAIL, 64 },
	{ FAULT_TRAIL, 4000 },
	{ FAULT_SIZE, 0 },
	{ FAULT_SIZE, 9 },
	{ FAULT_SIZE, 10 },
	{ FAULT_SIZE, 0xffffffff },
	{ FAULT_CLOSED, 0 },
	{ FAULT_LOST, 0 },
	{ FAULT_HANG, 0 },
};

/* ---- libcrypto's memory, counted ------------------------------------------------ */

static void *
count_malloc(size_t n, const char *file, int line)
{
	void *p = malloc(n);

	(void)file;
	(void)line;
	outstanding += p != NULL;
	return p;
}

static void *
count_realloc(void *old, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	outstanding += old == NULL && n > 0;
	return realloc(old, n);
}

static void
count_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	outstanding -= p != NULL;
	free(p);
}

/* ---- scenarios -------------------------------------------------------------------- */

static bool
sign(struct user *user, EVP_PKEY *key)
{
	return user_sign(user, key, false);
}

static bool
sign_pss(struct user *user, EVP_PKEY *key)
{
	return user_sign(user, key, true);
}

static bool
decrypt_oaep(struct user *user, EVP_PKEY *key)
{
	return user_decrypt(user, key, true);
}

static bool
decrypt_pkcs1(struct user *user, EVP_PKEY *key)
{
	return user_decrypt(user, key, false);
}

static const struct {
	const char *name;
	EVP_PKEY *(*get)(struct user *user, const char *arg);
	bool (*use)(struct user *user, EVP_PKEY *key);
} SCENARIOS[] = {
	{ "sign", user_load, sign },
	{ "pss", user_load, sign_pss },
	{ "oaep", user_load, decrypt_oaep },
	{ "pkcs1", user_load, decrypt_pkcs1 },
	{ "derive", user_load, user_derive },
	{ "generate", user_generate, sign },
};

static bool
with_key(size_t which, const char *arg)
{
	struct user user;
	EVP_PKEY *key = NULL;
	bool ok = false;

	if (user_open(&user)) {
		key = SCENARIOS[which].get(&user, arg);
		/* Twice: the second time finds the key loaded. */
		ok = key != NULL && SCENARIOS[which].use(&user, key) &&
		     SCENARIOS[which].use(&user, key);
	}
	EVP_PKEY_free(key);
	user_close(&user);
	return ok;
}

/* The first time, without a fault, shows what is sealed. */
static bool
unseal(const char *path)
{
	static char sealed[256];
	static size_t sealed_len;
	struct tpmiot_buf data = TPMIOT_BUF_INIT;
	bool ok = unseal_file(path, getenv("KEYUSER_PASS"), &data, NULL) == TPMIOT_OK &&
	          data.len > 0 && data.len <= sizeof(sealed);

	if (ok && sealed_len == 0) {
		memcpy(sealed, data.data, data.len);
		sealed_len = data.len;
	} else if (ok && (data.len != sealed_len || memcmp(sealed, data.data, data.len) != 0)) {
		printf("# unsealed: something else\n");
		exit(42);
	}
	tpmiot_buf_free(&data);
	return ok;
}

static bool
scenario(const char *what)
{
	size_t len = strcspn(what, "=");
	const char *arg = what + len + (what[len] == '=');

	for (size_t i = 0; i < COUNT(SCENARIOS); i++)
		if (strlen(SCENARIOS[i].name) == len && strncmp(what, SCENARIOS[i].name, len) == 0)
			return with_key(i, arg);
	return strncmp(what, "unseal=", 7) == 0 && unseal(arg);
}

static void
bad(const char *what, unsigned int n, enum fault_kind kind, uint32_t arg, const char *why)
{
	n_bad++;
	printf("# %s, command %u, fault %d (0x%x): %s\n", what, n, (int)kind, arg, why);
	ERR_print_errors_fp(stdout);
	fflush(stdout);
}

static size_t
flush_all(struct tpmiot_tpm *tpm, TPM2_HANDLE first)
{
	TPM2_HANDLE handles[TPMIOT_HANDLES_MAX];
	size_t n = 0;

	if (tpmiot_tpm_handles(tpm, first, handles, &n, NULL) != TPMIOT_OK)
		return 0;
	for (size_t i = 0; i < n; i++)
		tpmiot_tpm_flush(tpm, &handles[i]);
	return n;
}

/*
 * Empties the TPM; false if there was an object in it. Sessions are the TPM's to lose: a lost
 * response leaves one that nobody knows of, and that nobody may take for his own. Here
 * there would soon be more of them than it holds.
 */
static bool
empty_tpm(void)
{
	struct tpmiot_tpm *tpm = NULL;
	size_t objects;

	if (tpmiot_tpm_new(getenv("TPMIOT_TCTI"), NULL, &tpm, NULL) != TPMIOT_OK)
		return false;
	objects = flush_all(tpm, (TPM2_HANDLE)TPM2_HT_TRANSIENT << TPM2_HR_SHIFT);
	(void)flush_all(tpm, TPM2_LOADED_SESSION_FIRST);
	(void)flush_all(tpm, TPM2_ACTIVE_SESSION_FIRST);
	tpmiot_tpm_free(&tpm);
	return objects == 0;
}

/* libcrypto's own tables grow and shrink by one now and then; a leak leaks every time. */
#define LEAK_RUNS 3

/* False where the scenario has fewer than n commands. */
static bool
strike(const char *what, unsigned int n, enum fault_kind kind, uint32_t arg, unsigned int run)
{
	long before = outstanding;
	bool fired, ok;

	arm(n, kind, arg, 1);
	ok = scenario(what);
	(void)sent(&fired);
	arm(0, FAULT_NONE, 0, 0);
	if (!fired)
		return false;
	n_cases++;
	n_errors += !ok;
	ERR_clear_error();
	if (!scenario(what))
		bad(what, n, kind, arg, "the next operation does not work");
	if (!empty_tpm() && kind != FAULT_HANG) /* who hangs is not asked to tidy up */
		bad(what, n, kind, arg, "an object is left in the TPM");
	ERR_clear_error();
	if (outstanding <= before)
		return true;
	if (run < LEAK_RUNS)
		return strike(what, n, kind, arg, run + 1);
	bad(what, n, kind, arg, "memory is left behind");
	return true;
}

static bool
strike_all(const char *what, unsigned int n, unsigned int stride)
{
	unsigned int turn = n;

	for (size_t i = 0; i < COUNT(CODES); i++)
		if (turn++ % stride == 0 && !strike(what, n, FAULT_CODE, CODES[i], 1))
			return false;
	for (size_t i = 0; i < COUNT(OTHERS); i++)
		if (turn++ % stride == 0 && !strike(what, n, OTHERS[i].kind, OTHERS[i].arg, 1))
			return false;
	for (uint32_t bit = 0; bit < FLIPS; bit += 7)
		if (turn++ % (stride * stride) == 0 && !strike(what, n, FAULT_FLIP, bit, 1))
			return false;
	return true;
}

static bool
sweep(const char *what, unsigned int stride)
{
	unsigned int n;
	bool fired;

	for (int i = 0; i < 3; i++) /* what is allocated once, is now */
		if (!scenario(what)) {
			ERR_print_errors_fp(stdout);
			return false;
		}
	arm(0, FAULT_NONE, 0, 0);
	if (!scenario(what))
		return false;
	printf("# %s: %u commands\n", what, sent(&fired));
	for (n = 1; n < COMMANDS_MAX && strike_all(what, n, stride); n++)
		;
	return true;
}

int
main(int argc, char **argv)
{
	void *library;
	int status = 0;

	if (argc < 4 || CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free) != 1)
		return 2;
	library = dlopen(argv[1], RTLD_NOW);
	if (library == NULL)
		return 2;
	*(void **)&arm = dlsym(library, "fault_arm");
	*(void **)&sent = dlsym(library, "fault_sent");
	for (int i = 3; i < argc; i++)
		if (!sweep(argv[i], (unsigned int)atoi(argv[2]))) {
			printf("# %s does not work at all\n", argv[i]);
			status = 1;
		}
	printf("# %lu faults, %lu ended in an error, %lu wrong\n", n_cases, n_errors, n_bad);
	return status != 0 || n_bad != 0 || n_cases == 0;
}
