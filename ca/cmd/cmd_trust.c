/* SPDX-License-Identifier: Apache-2.0 */
/* tpmiot-ca trust: certificates of TPM makers, which vouch for EK certificates. */
#include "ca/cmd/cli.h"

#include <dirent.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "ca/file.h"
#include "ca/pki/x509.h"

#define BUNDLE_MAX (4 * 1024 * 1024)

struct tally {
	int added, known;
};

static enum tpmiot_rc
subject_text(const X509 *cert, char out[CA_NOTE_MAX])
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long len;

	out[0] = '\0';
	if (bio == NULL ||
	    X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253) < 0) {
		BIO_free(bio);
		return TPMIOT_E_MEMORY;
	}
	len = BIO_get_mem_data(bio, &text);
	if (len > CA_NOTE_MAX - 1)
		len = CA_NOTE_MAX - 1;
	memcpy(out, text, (size_t)len);
	out[len] = '\0';
	BIO_free(bio);
	return TPMIOT_OK;
}

static enum tpmiot_rc
check(X509 *cert, const char *subject, struct tpmiot_err *err)
{
	if (X509_check_ca(cert) != 1 || (X509_get_key_usage(cert) & KU_KEY_CERT_SIGN) == 0)
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "%s is not a CA's certificate; to admit one device by its EK certificate use "
		    "\"tpmiot-ca allow add --ek=FILE\"",
		    subject[0] != '\0' ? subject : "this");
	return TPMIOT_OK;
}

static enum tpmiot_rc
describe(X509 *cert, struct ca_root *root, struct tpmiot_err *err)
{
	unsigned char *der = NULL;
	int len;
	enum tpmiot_rc rc;

	if (subject_text(cert, root->subject) != TPMIOT_OK)
		return tpmiot_err_memory(err);
	rc = check(cert, root->subject, err);
	if (rc == TPMIOT_OK)
		rc = ca_x509_time(X509_get0_notAfter(cert), &root->not_after, err);
	if (rc != TPMIOT_OK)
		return rc;
	root->kind = X509_self_signed(cert, 1) == 1 ? CA_ROOT_ANCHOR : CA_ROOT_LINK;
	ERR_clear_error();
	len = i2d_X509(cert, &der);
	if (len <= 0 || EVP_Digest(der, (size_t)len, root->sha256, NULL, EVP_sha256(), NULL) != 1)
		rc = tpmiot_err_crypto(err, "%s", root->subject);
	else
		tpmiot_buf_put(&root->der, der, (size_t)len);
	OPENSSL_free(der);
	return rc == TPMIOT_OK ? tpmiot_buf_done(&root->der, err) : rc;
}

static enum tpmiot_rc
add_cert(
    struct ca_cli *cli, X509 *cert, const char *label, struct tally *tally, struct tpmiot_err *err)
{
	struct ca_root root = { .added = cli->now };
	char hex[2 * CA_SHA256_LEN + 1];
	enum tpmiot_rc rc = describe(cert, &root, err);

	snprintf(root.label, sizeof(root.label), "%s", label);
	if (rc == TPMIOT_OK)
		rc = ca_root_add(cli->store, &root, err);
	tpmiot_buf_free(&root.der);
	if (rc == TPMIOT_E_CONFLICT) { /* what was asked for is so */
		tally->known++;
		return TPMIOT_OK;
	}
	if (rc != TPMIOT_OK)
		return rc;
	tally->added++;
	ca_hex(root.sha256, CA_SHA256_LEN, hex);
	return ca_cli_audit(cli, "", NULL, err, "%s, sha256 %s", root.subject, hex);
}

static enum tpmiot_rc
add_pem(struct ca_cli *cli, const struct tpmiot_buf *data, const char *label, struct tally *tally,
    struct tpmiot_err *err)
{
	BIO *bio = BIO_new_mem_buf(data->data, (int)data->len);
	enum tpmiot_rc rc = bio != NULL ? TPMIOT_OK : tpmiot_err_memory(err);
	X509 *cert;

	ERR_clear_error();
	while (rc == TPMIOT_OK && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		rc = add_cert(cli, cert, label, tally, err);
		X509_free(cert);
	}
	if (rc == TPMIOT_OK && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		rc = tpmiot_err_crypto(err, "damaged certificate");
	ERR_clear_error();
	BIO_free(bio);
	return rc;
}

static enum tpmiot_rc
add_data(struct ca_cli *cli, const struct tpmiot_buf *data, const char *label, struct tally *tally,
    struct tpmiot_err *err)
{
	const uint8_t *p = data->data;
	X509 *cert = d2i_X509(NULL, &p, (long)data->len);
	enum tpmiot_rc rc;
	int before = tally->added + tally->known;

	if (cert != NULL && p == data->data + data->len) {
		rc = add_cert(cli, cert, label, tally, err);
	} else {
		rc = add_pem(cli, data, label, tally, err);
		if (rc == TPMIOT_OK && tally->added + tally->known == before)
			rc = tpmiot_err_set(
			    err, TPMIOT_E_FORMAT, "no certificate in it, neither PEM nor DER");
	}
	X509_free(cert);
	return rc;
}

static enum tpmiot_rc
add_file(struct ca_cli *cli, const char *path, const char *label, struct tally *tally,
    struct tpmiot_err *err)
{
	struct tpmiot_buf data = TPMIOT_BUF_INIT;
	const char *base = strrchr(path, '/');
	enum tpmiot_rc rc = ca_file_read(path, BUNDLE_MAX, &data, err);

	if (label == NULL)
		label = base != NULL ? base + 1 : path;
	if (rc == TPMIOT_OK) {
		rc = add_data(cli, &data, label, tally, err);
		if (rc != TPMIOT_OK)
			rc = tpmiot_err_prefix(err, "%s", path);
	}
	tpmiot_buf_free(&data);
	return rc;
}

static int
is_pem(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 4 && strcmp(entry->d_name + len - 4, ".pem") == 0;
}

/* What the package brought along. */
static enum tpmiot_rc
add_bundle(struct ca_cli *cli, const char *label, struct tally *tally, struct tpmiot_err *err)
{
	struct dirent **entries = NULL;
	int n = scandir(CA_TRUSTDIR, &entries, is_pem, alphasort);
	enum tpmiot_rc rc = TPMIOT_OK;

	if (n <= 0)
		rc = tpmiot_err_set(err, TPMIOT_E_NOT_FOUND,
		    "no vendor bundle in " CA_TRUSTDIR "; is tpmiot installed?");
	for (int i = 0; i < n; i++) {
		char path[4096];

		snprintf(path, sizeof(path), CA_TRUSTDIR "/%s", entries[i]->d_name);
		if (rc == TPMIOT_OK)
			rc = add_file(
			    cli, path, label != NULL ? label : "vendor bundle", tally, err);
		free(entries[i]);
	}
	free(entries);
	return rc;
}

enum tpmiot_rc
ca_cmd_trust_add(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	const char *label = NULL;
	bool bundle = false;
	const struct ca_cli_option options[] = {
		{ .name = "label", .value = &label },
		{ .name = "vendor-bundle", .flag = &bundle },
		{ .name = NULL },
	};
	struct tally tally = { 0, 0 };
	char checked[CA_NOTE_MAX];
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, options, 0, argc, &first, err);

	if (rc == TPMIOT_OK && !bundle && first == argc)
		rc = tpmiot_err_set(err, TPMIOT_E_USAGE, "trust add: which file?");
	if (rc == TPMIOT_OK)
		rc = ca_cli_text("label", label, checked, sizeof(checked), err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_begin(cli, err);
	if (rc != TPMIOT_OK)
		return rc;
	if (bundle)
		rc = add_bundle(cli, label, &tally, err);
	for (int i = first; i < argc && rc == TPMIOT_OK; i++)
		rc = add_file(cli, argv[i], label, &tally, err);
	rc = ca_cli_end(cli, rc, err);
	if (rc == TPMIOT_OK)
		rc = ca_out_record(stdout, cli->json,
		    json_pack("{s:i, s:i}", "added", tally.added, "already_trusted", tally.known),
		    err);
	return rc;
}

static bool
add_row(void *arg, const struct ca_root *root)
{
	return ca_out_append(
	    arg, json_pack("{s:I, s:s, s:o, s:o, s:o, s:o, s:o}", "id", (json_int_t)root->id,
	             "kind", root->kind == CA_ROOT_ANCHOR ? "root" : "intermediate", "subject",
	             ca_out_text(root->subject), "sha256", ca_out_hex(root->sha256, CA_SHA256_LEN),
	             "not_after", ca_out_time(root->not_after), "label", ca_out_text(root->label),
	             "added", ca_out_time(root->added)));
}

static enum tpmiot_rc
fetch(struct ca_cli *cli, json_t **rows, struct tpmiot_err *err)
{
	return ca_root_list(cli->store, add_row, rows, err);
}

enum tpmiot_rc
ca_cmd_trust_list(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	static const struct ca_column columns[] = {
		{ "id", "ID" },
		{ "kind", "KIND" },
		{ "not_after", "NOT AFTER" },
		{ "label", "LABEL" },
		{ "subject", "SUBJECT" },
		{ NULL, NULL },
	};

	return ca_cli_show_rows(cli, argc, argv, columns, fetch, err);
}

enum tpmiot_rc
ca_cmd_trust_remove(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	return ca_cli_remove_rows(cli, argc, argv, "certificate", ca_root_remove, err);
}
