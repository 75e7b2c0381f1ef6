/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator brings in: revocation lists of TPM makers, and a program that decides. */
#include "attack.h"

/* ---- Revocation lists
 * ----------------------------------------------------------------------------
 */

/* A sound EK certificate (row->cert has its serial number) of the maker's plant row->text. */
static json_t *
of_plant(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	struct certkit_spec link = { .subject = row->text,
		.key = kit_link_key,
		.issuer = kit_root,
		.issuer_key = kit_root_key,
		.serial = strcmp(row->text, ATTACK_PLANT_REVOKED) == 0 ? ATTACK_REVOKED : NULL,
		.extensions = CERTKIT_CA };
	struct certkit_spec spec = row->cert;
	X509 *plant = certkit_issue(&link), *cert;
	json_t *body = kit_attest(&env->dev);

	(void)challenge;
	spec.key = env->dev.ek.pkey;
	spec.issuer = plant;
	spec.issuer_key = kit_link_key;
	spec.extensions = CERTKIT_EK_ECC;
	cert = certkit_issue(&spec);
	kit_set(body, "ek.certificate", kit_cert(cert));
	kit_set(body, "ek.chain", json_pack("[o]", kit_cert(plant)));
	X509_free(plant);
	X509_free(cert);
	return body;
}

#define REVOKED 403, "ek-certificate-revoked"
#define UNTRUSTED 403, "ek-certificate-untrusted"
#define ACCEPTED 200, ""
#define SERIAL(number) .cert = { .serial = number }

static const struct attack lists[] = {
	{ "not on its issuer's list: accepted", of_plant, ACCEPTED, .server = AT_CRL,
	    .text = ATTACK_PLANT },
	{ "on its issuer's list", of_plant, REVOKED, .server = AT_CRL, .text = ATTACK_PLANT,
	    SERIAL(ATTACK_REVOKED) },
	{ "its issuer is on the maker's list", of_plant, REVOKED, .server = AT_CRL,
	    .text = ATTACK_PLANT_REVOKED },
	{ "its issuer has no list", of_plant, UNTRUSTED, .server = AT_CRL,
	    .text = ATTACK_PLANT_SILENT },
	{ "its issuer's list has ended", of_plant, UNTRUSTED, .server = AT_CRL,
	    .text = ATTACK_PLANT_LATE },
	{ "its issuer's list is by somebody else", of_plant, UNTRUSTED, .server = AT_CRL,
	    .text = ATTACK_PLANT_FORGED },
};

/* ek_crl_missing = accept: what is not there is no reason; what is there counts. */
static const struct attack lists_lax[] = {
	{ "its issuer has no list: accepted", of_plant, ACCEPTED, .server = AT_CRL_LAX,
	    .text = ATTACK_PLANT_SILENT },
	{ "its issuer's list has ended: accepted", of_plant, ACCEPTED, .server = AT_CRL_LAX,
	    .text = ATTACK_PLANT_LATE },
	{ "on its issuer's list", of_plant, REVOKED, .server = AT_CRL_LAX, .text = ATTACK_PLANT,
	    SERIAL(ATTACK_REVOKED) },
	{ "on its issuer's list that has ended", of_plant, REVOKED, .server = AT_CRL_LAX,
	    .text = ATTACK_PLANT_LATE, SERIAL(ATTACK_REVOKED) },
	{ "its issuer is on the maker's list", of_plant, REVOKED, .server = AT_CRL_LAX,
	    .text = ATTACK_PLANT_REVOKED },
	{ "its issuer's list is by somebody else", of_plant, UNTRUSTED, .server = AT_CRL_LAX,
	    .text = ATTACK_PLANT_FORGED },
};

/* ---- The hook
 * ------------------------------------------------------------------------------------
 */

/* The hook of AT_HOOK runs what stands in this file (test_attacks.sh). */
static void
set_hook(const struct attack_env *env, const char *behaviour)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/behaviour", env->dir_of_maker);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(behaviour, file) >= 0);
	fclose(file);
}

static json_t *
to_hook(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	set_hook(env, row->text);
	return kit_issue(&env->dev, challenge);
}

#define ON_HOOK .second = true, .server = AT_HOOK, .first_server = AT_HOOK
#define NO_ANSWER(what, behaviour)                                                                 \
	{                                                                                          \
		what, to_hook, 503, "server-error", ON_HOOK, .text = behaviour                     \
	}

static const struct attack hooks[] = {
	{ "it denies", to_hook, 403, "external-policy", ON_HOOK,
	    .text = "echo '{\"decision\": \"deny\", \"reason\": \"not today\"}'" },
	{ "it denies without a reason", to_hook, 403, "external-policy", ON_HOOK,
	    .text = "echo '{\"decision\": \"deny\"}'" },
	NO_ANSWER("it says nothing", ":"),
	NO_ANSWER("it writes no JSON", "echo allow"),
	NO_ANSWER("its word is another", "echo '{\"decision\": \"Allow\"}'"),
	NO_ANSWER("it says both", "echo '{\"decision\": \"deny\", \"decision\": \"allow\"}'"),
	NO_ANSWER("it allows twice", "echo '{\"decision\": \"allow\"}{\"decision\": \"allow\"}'"),
	NO_ANSWER("it allows, and fails", "echo '{\"decision\": \"allow\"}'; exit 1"),
	NO_ANSWER("it allows, and is killed", "echo '{\"decision\": \"allow\"}'; kill -9 $$"),
	NO_ANSWER("it allows, and goes on talking", "echo '{\"decision\": \"allow\"}'; yes"),
	NO_ANSWER("it allows, and is too slow", "echo '{\"decision\": \"allow\"}'; exec sleep 9"),
};

const struct attack_table attack_operator_rules[] = {
	ATTACK_TABLE("EK certificate: revocation, a missing list refuses", lists),
	ATTACK_TABLE("EK certificate: revocation, a missing list is accepted", lists_lax),
	ATTACK_TABLE("the operator's hook: no answer is no certificate", hooks),
	{ NULL, NULL, 0 },
};

void
attack_hook_accepts(struct attack_env *env)
{
	struct wire_answer first, answer;
	struct kit_device dev;

	kit_device_make(&dev, "L-2", kit_link, kit_link_key);
	set_hook(env, "echo '{\"decision\": \"allow\"}'");
	if (!attack_send(env, AT_HOOK, "/v1/attestations", kit_attest(&dev), &first) ||
	    !attack_send(env, AT_HOOK, "/v1/certificates", kit_issue(&dev, first.doc), &answer))
		answer.status = 0;
	attack_result(answer.status == 200, "the operator's hook", "it allows", answer.type);
	wire_answer_free(&first);
	wire_answer_free(&answer);
	kit_device_free(&dev);
}
