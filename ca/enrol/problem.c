/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/enrol/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	int status;
	const char *name;
	const char *title;
	const char *next;
} types[CA_PROBLEM_TYPES] = {
	[CA_PROBLEM_NONE] = { 200, "ok", "Done", "" },
	[CA_PROBLEM_MALFORMED_REQUEST] = { 400, "malformed-request", "The request is malformed",
	    "Check that device and CA speak the same protocol version." },
	[CA_PROBLEM_NOT_FOUND] = { 404, "not-found", "There is no such resource",
	    "Check the server's URL: it ends with host and port, nothing behind." },
	[CA_PROBLEM_METHOD_NOT_ALLOWED] = { 405, "method-not-allowed",
	    "This resource is for another method", "Use the method that the Allow header names." },
	[CA_PROBLEM_TOO_LARGE] = { 413, "too-large", "The request is too large",
	    "Send no more than one EK certificate and the chain that belongs to it." },
	[CA_PROBLEM_UNSUPPORTED_MEDIA_TYPE] = { 415, "unsupported-media-type",
	    "The request is not JSON", "Send Content-Type: application/json." },
	[CA_PROBLEM_RATE_LIMITED] = { 429, "rate-limited", "Too many requests from this address",
	    "Wait as Retry-After says; on the CA, rate_limit and issue_limit set the limits." },
	[CA_PROBLEM_SERVER_ERROR] = { 503, "server-error", "The CA could not do its work",
	    "Try again later; the CA's log has the reason." },
	[CA_PROBLEM_EK_UNSUPPORTED] = { 422, "ek-unsupported", "The endorsement key cannot be used",
	    "Choose another EK of this TPM; tpmiot-enroll ek shows what there is." },
	[CA_PROBLEM_EK_CERTIFICATE_INVALID] = { 422, "ek-certificate-invalid",
	    "The EK certificate breaks the TCG profile",
	    "Have an operator put the EK on the allow-list and enrol without its certificate." },
	[CA_PROBLEM_EK_CERTIFICATE_MISMATCH] = { 422, "ek-certificate-mismatch",
	    "The EK certificate is for another key",
	    "Check which EK the certificate in NV belongs to: tpmiot-enroll ek." },
	[CA_PROBLEM_EK_CERTIFICATE_REQUIRED] = { 403, "ek-certificate-required",
	    "An EK certificate is needed",
	    "Send the TPM's EK certificate, or put the EK on the allow-list: tpmiot-ca allow "
	    "add." },
	[CA_PROBLEM_EK_CERTIFICATE_UNTRUSTED] = { 403, "ek-certificate-untrusted",
	    "The TPM's maker is not trusted",
	    "On the CA, trust the maker's root (tpmiot-ca trust add) or list the EK (tpmiot-ca "
	    "allow add)." },
	[CA_PROBLEM_EK_CERTIFICATE_REVOKED] = { 403, "ek-certificate-revoked",
	    "The TPM's maker revoked its EK certificate",
	    "Ask the maker why; an operator who knows better can list the EK (tpmiot-ca allow "
	    "add)." },
	[CA_PROBLEM_EK_NOT_LISTED] = { 403, "ek-not-listed", "The EK is not on the allow-list",
	    "On the CA: tpmiot-ca allow add --ek=FINGERPRINT." },
	[CA_PROBLEM_AK_UNSUITABLE] = { 422, "ak-unsuitable", "The attestation key cannot be used",
	    "Make a new attestation key: tpmiot-enroll reset, then enroll." },
	[CA_PROBLEM_AK_BOUND] = { 409, "ak-bound", "The attestation key belongs to another device",
	    "Make a new attestation key: tpmiot-enroll reset, then enroll." },
	[CA_PROBLEM_JOIN_TOKEN_REQUIRED] = { 403, "join-token-required", "A join token is needed",
	    "Make one on the CA (tpmiot-ca join add) and give it with --join-token-file." },
	[CA_PROBLEM_JOIN_TOKEN_INVALID] = { 403, "join-token-invalid", "The join token is unknown",
	    "Check the token's file; a new one is made by tpmiot-ca join add." },
	[CA_PROBLEM_JOIN_TOKEN_EXPIRED] = { 403, "join-token-expired", "The join token has expired",
	    "Make a new one on the CA: tpmiot-ca join add." },
	[CA_PROBLEM_JOIN_TOKEN_SPENT] = { 403, "join-token-spent", "The join token is used up",
	    "Make a new one on the CA: tpmiot-ca join add." },
	[CA_PROBLEM_DEVICE_ID_MISMATCH] = { 403, "device-id-mismatch",
	    "The device is not the one it says it is",
	    "Enrol without --device-id, or with the id that the CA has for this device." },
	[CA_PROBLEM_DEVICE_ID_TAKEN] = { 409, "device-id-taken", "The id belongs to another device",
	    "Choose another id, or find the device that has it: tpmiot-ca device show ID." },
	[CA_PROBLEM_DEVICE_ENROLLED_OTHERWISE] = { 409, "device-enrolled-otherwise",
	    "The device is enrolled under another id",
	    "Enrol under the id it has: tpmiot-ca device list shows it." },
	[CA_PROBLEM_DEVICE_BLOCKED] = { 403, "device-blocked", "The device is blocked",
	    "An operator has to let it in again: tpmiot-ca device unblock ID." },
	[CA_PROBLEM_CLIENT_CERTIFICATE_REQUIRED] = { 403, "client-certificate-required",
	    "A TLS client certificate is needed",
	    "Renew with the certificate that this CA issued, as TLS client certificate." },
	[CA_PROBLEM_CLIENT_CERTIFICATE_INVALID] = { 403, "client-certificate-invalid",
	    "The TLS client certificate cannot be renewed", "Enrol anew: tpmiot-enroll enroll." },
	[CA_PROBLEM_AK_UNKNOWN] = { 403, "ak-unknown",
	    "The attestation key is not one of this device", "Enrol anew: tpmiot-enroll enroll." },
	[CA_PROBLEM_TPM_REFUSED] = { 403, "tpm-refused", "This kind of TPM is not let in",
	    "On the CA, \"tpms\" says which are; tpmiot-ca ek verify shows what this one is." },
	[CA_PROBLEM_PROFILE_REFUSED] = { 403, "profile-refused",
	    "There is no such certificate for this device",
	    "Ask for another --profile, or change \"profiles\" on the CA." },
	[CA_PROBLEM_GROUP_UNKNOWN] = { 403, "group-unknown",
	    "The device is of a group that the CA does not have",
	    "On the CA, write the group's section into the configuration again, or put the device "
	    "into another group: tpmiot-ca allow add --group." },
	[CA_PROBLEM_EXTERNAL_POLICY] = { 403, "external-policy",
	    "The operator's own policy refused the device",
	    "The CA's operator has a program (\"hook\") that said so; ask there." },
	[CA_PROBLEM_SESSION_INVALID] = { 422, "session-invalid",
	    "The session is not one of this CA's", "Start again with the first step." },
	[CA_PROBLEM_SESSION_EXPIRED] = { 410, "session-expired", "The session has expired",
	    "Start again with the first step." },
	[CA_PROBLEM_SESSION_SPENT] = { 410, "session-spent", "The session is spent",
	    "Start again with the first step." },
	[CA_PROBLEM_SECRET_WRONG] = { 422, "secret-wrong", "The secret is wrong",
	    "Start again; if it happens each time, EK and AK are not of the same TPM." },
	[CA_PROBLEM_KEY_UNSUITABLE] = { 422, "key-unsuitable", "The device key cannot be certified",
	    "Make another key: tpmiot-enroll enroll --key=ec-p256." },
	[CA_PROBLEM_KEY_ALREADY_CERTIFIED] = { 409, "key-already-certified",
	    "The key was certified for another device",
	    "Make a new key: tpmiot-enroll reset, then enroll." },
	[CA_PROBLEM_KEY_REVOKED] = { 403, "key-revoked", "A certificate of this key was revoked",
	    "Make a new key: tpmiot-enroll reset, then enroll." },
	[CA_PROBLEM_CERTIFY_INVALID] = { 422, "certify-invalid",
	    "The key's certification does not hold",
	    "Start again with the first step; a certification is good for one session." },
	[CA_PROBLEM_PARENT_INVALID] = { 422, "parent-invalid",
	    "The parent is not the device key's, or not fit for secrets",
	    "Send the storage key of the owner hierarchy that the device key is under." },
	[CA_PROBLEM_QUOTE_REQUIRED] = { 422, "quote-required", "A quote of PCRs is needed",
	    "Use a device tool that quotes: tpmiot-enroll of this version does." },
	[CA_PROBLEM_QUOTE_INVALID] = { 422, "quote-invalid", "The quote does not hold",
	    "Start again with the first step; a quote is good for one session." },
	[CA_PROBLEM_PCRS_REFUSED] = { 403, "pcrs-refused",
	    "The PCR values are not allowed: other firmware, or other settings",
	    "On the CA, tpmiot-ca pcr allow allows them." },
	[CA_PROBLEM_CSR_INVALID] = { 422, "csr-invalid", "The certificate request does not hold",
	    "Send a PKCS #10 request in DER, signed by the device key." },
	[CA_PROBLEM_CSR_KEY_MISMATCH] = { 422, "csr-key-mismatch",
	    "The certificate request is for another key",
	    "Make the request with the key that was certified." },
	[CA_PROBLEM_SIGNATURE_INVALID] = { 401, "signature-invalid",
	    "The registration's signature does not hold",
	    "Register again, from the first request." },
	[CA_PROBLEM_CERTIFICATE_REVOKED] = { 403, "certificate-revoked",
	    "The certificate was revoked",
	    "Start again with the first step for a new key and certificate." },
};

bool
ca_refuse(struct ca_problem *problem, enum ca_problem_type type, const char *fmt, ...)
{
	va_list ap;

	problem->type = type;
	problem->next[0] = '\0';
	va_start(ap, fmt);
	vsnprintf(problem->detail, sizeof(problem->detail), fmt, ap);
	va_end(ap);
	return false;
}

/* Errors that say nothing about the request, only about us. */
static bool
is_ours(enum tpmiot_rc rc)
{
	switch (rc) {
	case TPMIOT_E_FORMAT:
	case TPMIOT_E_VERIFY:
	case TPMIOT_E_POLICY:
	case TPMIOT_E_UNSUPPORTED:
	case TPMIOT_E_CONFLICT:
	case TPMIOT_E_NOT_FOUND:
		return false;
	default:
		return true;
	}
}

bool
ca_fail(struct ca_problem *problem, const struct tpmiot_err *err)
{
	ca_refuse(problem, CA_PROBLEM_SERVER_ERROR, "an error inside the CA; nothing was changed");
	snprintf(problem->cause, sizeof(problem->cause), "%s", err->text);
	problem->retry_after = 5;
	return false;
}

bool
ca_refuse_err(struct ca_problem *problem, enum ca_problem_type type, const struct tpmiot_err *err)
{
	return is_ours(err->rc) ? ca_fail(problem, err) : ca_refuse(problem, type, "%s", err->text);
}

bool
ca_refuse_next(struct ca_problem *problem, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(problem->next, sizeof(problem->next), fmt, ap);
	va_end(ap);
	return false;
}

const char *
ca_problem_name(enum ca_problem_type type)
{
	return types[type].name;
}

const char *
ca_problem_title(enum ca_problem_type type)
{
	return types[type].title;
}

const char *
ca_problem_next(const struct ca_problem *problem)
{
	return problem->next[0] != '\0' ? problem->next : types[problem->type].next;
}

int
ca_problem_status(enum ca_problem_type type)
{
	return types[type].status;
}
