/* SPDX-License-Identifier: Apache-2.0 */
#include "ca_test.h"

#include "ca/enrol/admit.h"

#define NOW 1000

static const uint8_t spki[CA_SHA256_LEN] = { 0xab, 0xcd };
static const struct ca_problem trusted = { .type = CA_PROBLEM_NONE };
static const struct ca_problem untrusted = { .type = CA_PROBLEM_EK_CERTIFICATE_UNTRUSTED,
	.detail = "no such root" };
static const struct ca_allow listed = { .group = "g" };
static const struct ca_allow listed_named = { .device_id = "pump-1" };
static const struct ca_token token = { .id = 3, .uses_allowed = 1, .expires = NOW + 1 };
static const struct ca_token token_named = {
	.id = 4, .uses_allowed = 1, .expires = NOW + 1, .device_id = "pump-2", .group = "h"
};
static const struct ca_token token_expired = { .id = 5, .uses_allowed = 1, .expires = NOW };
static const struct ca_token token_spent = {
	.id = 6, .uses_allowed = 2, .uses = 2, .expires = NOW + 1
};

#define EK_ID "ek-abcd0000000000000000000000000000"

#define LISTED CA_ENROLMENT_LISTED
#define TOKEN CA_ENROLMENT_TOKEN
#define OPEN CA_ENROLMENT_OPEN
#define REFUSED(name) CA_PROBLEM_##name, NULL, NULL, 0
#define AS(id, group, token) CA_PROBLEM_NONE, id, group, token

static const struct {
	const char *what;
	enum ca_enrolment enrolment;
	bool has_cert;
	const struct ca_problem *cert;
	const struct ca_allow *allow;
	bool token_given;
	const struct ca_token *token;
	bool token_used;
	const char *claimed;
	enum ca_problem_type type;
	const char *id, *group;
	int64_t token_id;
} cases[] = {
	{ "listed: on the list", LISTED, false, &trusted, &listed, false, NULL, false, "",
	    AS(EK_ID, "g", 0) },
	{ "listed: on the list by name", LISTED, true, &trusted, &listed_named, false, NULL, false,
	    "", AS("pump-1", "", 0) },
	{ "listed: the list vouches, whatever the certificate", LISTED, true, &untrusted, &listed,
	    false, NULL, false, "", AS(EK_ID, "g", 0) },
	{ "listed: not on the list", LISTED, true, &trusted, NULL, false, NULL, false, "",
	    REFUSED(EK_NOT_LISTED) },
	{ "listed: a token does not help", LISTED, true, &trusted, NULL, true, &token, false, "",
	    REFUSED(EK_NOT_LISTED) },
	{ "token: good", TOKEN, true, &trusted, NULL, true, &token, false, "", AS(EK_ID, "", 3) },
	{ "token: says as whom", TOKEN, true, &trusted, NULL, true, &token_named, false, "",
	    AS("pump-2", "h", 4) },
	{ "token: on the list, none needed", TOKEN, false, &trusted, &listed, false, NULL, false,
	    "", AS(EK_ID, "g", 0) },
	{ "token: on the list, none counted", TOKEN, true, &trusted, &listed_named, true,
	    &token_named, false, "", AS("pump-1", "", 0) },
	{ "token: none", TOKEN, true, &trusted, NULL, false, NULL, false, "",
	    REFUSED(JOIN_TOKEN_REQUIRED) },
	{ "token: unknown", TOKEN, true, &trusted, NULL, true, NULL, false, "",
	    REFUSED(JOIN_TOKEN_INVALID) },
	{ "token: expired", TOKEN, true, &trusted, NULL, true, &token_expired, false, "",
	    REFUSED(JOIN_TOKEN_EXPIRED) },
	{ "token: expired, though this device used it", TOKEN, true, &trusted, NULL, true,
	    &token_expired, true, "", REFUSED(JOIN_TOKEN_EXPIRED) },
	{ "token: spent by others", TOKEN, true, &trusted, NULL, true, &token_spent, false, "",
	    REFUSED(JOIN_TOKEN_SPENT) },
	{ "token: spent by this device", TOKEN, true, &trusted, NULL, true, &token_spent, true, "",
	    AS(EK_ID, "", 6) },
	{ "token: no certificate", TOKEN, false, &trusted, NULL, true, &token, false, "",
	    REFUSED(EK_CERTIFICATE_REQUIRED) },
	{ "token: untrusted certificate", TOKEN, true, &untrusted, NULL, true, &token, false, "",
	    REFUSED(EK_CERTIFICATE_UNTRUSTED) },
	{ "open: trusted certificate", OPEN, true, &trusted, NULL, false, NULL, false, "",
	    AS(EK_ID, "", 0) },
	{ "open: on the list", OPEN, false, &trusted, &listed_named, false, NULL, false, "",
	    AS("pump-1", "", 0) },
	{ "open: no certificate", OPEN, false, &trusted, NULL, false, NULL, false, "",
	    REFUSED(EK_CERTIFICATE_REQUIRED) },
	{ "open: untrusted certificate", OPEN, true, &untrusted, NULL, false, NULL, false, "",
	    REFUSED(EK_CERTIFICATE_UNTRUSTED) },
	{ "open: a token that is sent counts", OPEN, true, &trusted, NULL, true, &token_named,
	    false, "", AS("pump-2", "h", 4) },
	{ "open: a token that is sent has to be good", OPEN, true, &trusted, NULL, true, NULL,
	    false, "", REFUSED(JOIN_TOKEN_INVALID) },
	{ "claim: the right one", LISTED, true, &trusted, &listed_named, false, NULL, false,
	    "pump-1", AS("pump-1", "", 0) },
	{ "claim: another one", LISTED, true, &trusted, &listed_named, false, NULL, false, "pump-2",
	    REFUSED(DEVICE_ID_MISMATCH) },
	{ "claim: another one, open", OPEN, true, &trusted, NULL, false, NULL, false, "pump-2",
	    REFUSED(DEVICE_ID_MISMATCH) },
};

static void
test_admit_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct ca_admit_facts facts = { .enrolment = cases[i].enrolment,
			.now = NOW,
			.ek_spki = spki,
			.has_cert = cases[i].has_cert,
			.cert_problem = cases[i].cert,
			.allow = cases[i].allow,
			.token_given = cases[i].token_given,
			.token = cases[i].token,
			.token_used = cases[i].token_used,
			.claimed_id = cases[i].claimed };
		struct ca_admission as = { .device_id = "untouched" };
		struct ca_problem problem = { 0 };
		bool ok = ca_admit(&facts, &as, &problem);

		if (ok != (cases[i].type == CA_PROBLEM_NONE) || problem.type != cases[i].type)
			fail_msg("%s: %s", cases[i].what, ca_problem_name(problem.type));
		if (!ok) {
			assert_string_equal(as.device_id, "untouched");
			assert_true(ca_problem_next(&problem)[0] != '\0');
			continue;
		}
		assert_string_equal(as.device_id, cases[i].id);
		assert_string_equal(as.group, cases[i].group);
		assert_int_equal(as.token, cases[i].token_id);
	}
}

/* Where devices may choose: not what is made from others' EKs, and not against what was given. */
static void
test_admit_choice(void **state)
{
	static const struct {
		const struct ca_allow *allow;
		const char *chosen, *id; /* NULL: refused */
		bool claimed;
	} choices[] = {
		{ NULL, "", EK_ID, false },
		{ NULL, "pump-1", "pump-1", true },
		{ NULL, EK_ID, EK_ID, true },
		{ NULL, "ek-abcd0000000000000000000000000001", NULL, false },
		{ NULL, "ek-", NULL, false },
		{ NULL, "ekg-1", "ekg-1", true },
		{ &listed, "pump-1", "pump-1", true },
		{ &listed_named, "pump-1", "pump-1", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		const struct ca_admit_facts facts = { .enrolment = OPEN,
			.accept_ids = true,
			.ek_spki = spki,
			.has_cert = true,
			.cert_problem = &trusted,
			.allow = choices[i].allow,
			.claimed_id = choices[i].chosen };
		struct ca_admission as;
		struct ca_problem problem = { 0 };
		bool ok = ca_admit(&facts, &as, &problem);

		if (ok != (choices[i].id != NULL))
			fail_msg("%s: %s", choices[i].chosen, ca_problem_name(problem.type));
		if (!ok) {
			assert_int_equal(problem.type, CA_PROBLEM_DEVICE_ID_TAKEN);
			continue;
		}
		assert_string_equal(as.device_id, choices[i].id);
		assert_int_equal(as.claimed, choices[i].claimed);
	}
}

/* Entry, then the token's, then the group that it has. */
static void
test_admit_group(void **state)
{
	static const struct ca_device known = { .id = "pump-1", .group = "k" },
	                              released = { .id = "pump-1~abcd", .group = "k" };
	static const struct {
		const struct ca_allow *allow;
		const struct ca_token *token;
		const struct ca_device *known;
		const char *group;
	} groups[] = {
		{ NULL, NULL, NULL, "" },
		{ NULL, NULL, &known, "k" },
		{ NULL, NULL, &released, "" },
		{ NULL, &token, &known, "k" },
		{ NULL, &token_named, &known, "h" },
		{ &listed, &token_named, &known, "g" },
		{ &listed_named, NULL, &known, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		const struct ca_admit_facts facts = {
			.allow = groups[i].allow, .token = groups[i].token, .known = groups[i].known
		};

		assert_string_equal(ca_admit_group(&facts), groups[i].group);
	}
}

/* What names no TPM matches no pattern, and anything does where there is none. */
static void
test_admit_tpm(void **state)
{
	static const struct tpmiot_ekcert_info named = { "id:1", "m", "v" },
	                                       nameless = { "", "", "" };
	struct ca_problem problem = { 0 };

	(void)state;
	assert_true(ca_admit_tpm("*/*/*", &named, &problem));
	assert_true(ca_admit_tpm("", &nameless, &problem));
	assert_true(ca_admit_tpm(NULL, &nameless, &problem));
	assert_int_equal(problem.type, CA_PROBLEM_NONE);
	assert_false(ca_admit_tpm("*/*/*", &nameless, &problem));
	assert_int_equal(problem.type, CA_PROBLEM_TPM_REFUSED);
	problem.type = CA_PROBLEM_NONE;
	assert_false(ca_admit_tpm("id:2/*/*", &named, &problem));
	assert_int_equal(problem.type, CA_PROBLEM_TPM_REFUSED);
}

static void
test_admit_not_listed_says_how(void **state)
{
	const struct ca_admit_facts facts = {
		.enrolment = LISTED, .ek_spki = spki, .cert_problem = &trusted, .claimed_id = ""
	};
	struct ca_admission as;
	struct ca_problem problem = { 0 };

	(void)state;
	assert_false(ca_admit(&facts, &as, &problem));
	assert_non_null(strstr(ca_problem_next(&problem), "allow add --ek=abcd0000"));
}

static void
test_admit_bindings_table(void **state)
{
	const struct ca_device mine = { .ek_spki = { 0xab, 0xcd }, .id = "pump-1" };
	const struct ca_device mine_other = { .ek_spki = { 0xab, 0xcd }, .id = "pump-9" };
	const struct ca_device mine_blocked = {
		.ek_spki = { 0xab, 0xcd }, .id = "pump-1", .state = CA_DEVICE_BLOCKED
	};
	const struct ca_device others = { .ek_spki = { 0xee }, .id = "pump-1" };
	const struct ca_ak ak_mine = { .ek_spki = { 0xab, 0xcd } },
	                   ak_others = { .ek_spki = { 1 } };
	const struct ca_cert cert_mine = { .ek_spki = { 0xab, 0xcd } };
	const struct ca_cert cert_others = { .ek_spki = { 1 }, .device_id = "pump-7" };
	const struct {
		struct ca_bindings bound;
		enum ca_problem_type type;
	} table[] = {
		{ { NULL, NULL, NULL, NULL }, CA_PROBLEM_NONE },
		{ { &mine, &mine, &ak_mine, &cert_mine }, CA_PROBLEM_NONE },
		{ { &mine_blocked, &mine_blocked, NULL, NULL }, CA_PROBLEM_DEVICE_BLOCKED },
		{ { &mine_other, NULL, NULL, NULL }, CA_PROBLEM_DEVICE_ENROLLED_OTHERWISE },
		{ { NULL, &others, NULL, NULL }, CA_PROBLEM_DEVICE_ID_TAKEN },
		{ { NULL, NULL, &ak_others, NULL }, CA_PROBLEM_AK_BOUND },
		{ { &mine, &mine, &ak_mine, &cert_others }, CA_PROBLEM_KEY_ALREADY_CERTIFIED },
		{ { .key_revoked = true }, CA_PROBLEM_KEY_REVOKED },
		{ { .reserved = true }, CA_PROBLEM_DEVICE_ID_TAKEN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct ca_problem problem = { 0 };
		bool ok = ca_admit_bindings(spki, "pump-1", &table[i].bound, &problem);

		assert_int_equal(problem.type, table[i].type);
		assert_int_equal(ok, table[i].type == CA_PROBLEM_NONE);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_admit_table),
		cmocka_unit_test(test_admit_choice),
		cmocka_unit_test(test_admit_group),
		cmocka_unit_test(test_admit_tpm),
		cmocka_unit_test(test_admit_not_listed_says_how),
		cmocka_unit_test(test_admit_bindings_table),
	};

	return cmocka_run_group_tests_name("ca_admit", tests, NULL, NULL);
}
