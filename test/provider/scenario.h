/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an application does with a key from beginning to end, for programs that have
 * something go wrong in the middle. A scenario is NAME=KEY, where NAME is "sign", "pss",
 * "oaep" or "pkcs1" (decryption), "derive", "generate" (KEY is the parent), or "unseal";
 * what it does with the key it does twice. The key's password is in KEYUSER_PASS.
 *
 * "often" signs so often first that the next signatures are made in a session (tpm/assure.h), then
 * calls scenario_begins, then signs three times: from the session's start.
 */
#ifndef TEST_PROVIDER_SCENARIO_H
#define TEST_PROVIDER_SCENARIO_H

#include <stdbool.h>

extern void (*scenario_begins)(void);

/* Whether it worked. A result that is said to be good and is not ends the program. */
bool scenario_run(const char *what);

/*
 * Empties the TPM; false if there was an object in it. Sessions are the TPM's to lose: a lost
 * response leaves one that nobody knows of, and that nobody may take for his own. With
 * enough of them it would soon be full.
 */
bool scenario_empty_tpm(void);

#endif
