/* SPDX-License-Identifier: Apache-2.0 */
#include "keyfile_asn1.h"

ASN1_SEQUENCE(keyfile_step) = {
	ASN1_EXP(keyfile_step, code, ASN1_INTEGER, 0),
	ASN1_EXP(keyfile_step, body, ASN1_OCTET_STRING, 1),
} ASN1_SEQUENCE_END(keyfile_step)

ASN1_SEQUENCE(keyfile_policy) = {
	ASN1_EXP_OPT(keyfile_policy, name, ASN1_UTF8STRING, 0),
	ASN1_EXP_SEQUENCE_OF(keyfile_policy, steps, keyfile_step, 1),
} ASN1_SEQUENCE_END(keyfile_policy)

ASN1_SEQUENCE(keyfile_key) = {
	ASN1_SIMPLE(keyfile_key, type, ASN1_OBJECT),
	ASN1_EXP_OPT(keyfile_key, empty_auth, ASN1_FBOOLEAN, 0),
	ASN1_EXP_SEQUENCE_OF_OPT(keyfile_key, policy, keyfile_step, 1),
	ASN1_EXP_OPT(keyfile_key, secret, ASN1_OCTET_STRING, 2),
	ASN1_EXP_SEQUENCE_OF_OPT(keyfile_key, auth_policy, keyfile_policy, 3),
	ASN1_EXP_OPT(keyfile_key, description, ASN1_UTF8STRING, 4),
	ASN1_EXP_OPT(keyfile_key, rsa_parent, ASN1_FBOOLEAN, 5),
	ASN1_EXP_OPT(keyfile_key, parent_name, ASN1_OCTET_STRING, 6),
	ASN1_SIMPLE(keyfile_key, parent, ASN1_INTEGER),
	ASN1_SIMPLE(keyfile_key, pubkey, ASN1_OCTET_STRING),
	ASN1_SIMPLE(keyfile_key, privkey, ASN1_OCTET_STRING),
} ASN1_SEQUENCE_END(keyfile_key)

ASN1_SEQUENCE(keyfile_reference) = {
	ASN1_SIMPLE(keyfile_reference, magic, ASN1_UTF8STRING),
	ASN1_SIMPLE(keyfile_reference, version, ASN1_INTEGER),
	ASN1_EXP_OPT(keyfile_reference, empty_auth, ASN1_FBOOLEAN, 0),
	ASN1_SIMPLE(keyfile_reference, handle, ASN1_INTEGER),
	ASN1_SIMPLE(keyfile_reference, pubkey, ASN1_OCTET_STRING),
} ASN1_SEQUENCE_END(keyfile_reference)
