/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/pki/roots.h"

static enum tpmiot_rc
add(struct ca_roots *roots, const struct ca_root *root, struct tpmiot_err *err)
{
	const unsigned char *p = root->der.data;
	X509 *cert = d2i_X509(NULL, &p, (long)root->der.len);
	enum tpmiot_rc rc = TPMIOT_OK;

	if (cert == NULL)
		return tpmiot_err_crypto(err, "the trusted root %lld (%s) cannot be read",
		    (long long)root->id, root->subject);
	if (root->kind == CA_ROOT_ANCHOR) {
		if (X509_STORE_add_cert(roots->anchors, cert) != 1) /* takes a reference */
			rc = tpmiot_err_crypto(err, "cannot keep a trusted root");
		X509_free(cert);
	} else if (sk_X509_push(roots->links, cert) <= 0) {
		X509_free(cert);
		rc = tpmiot_err_memory(err);
	}
	return rc;
}

struct load {
	struct ca_roots *roots;
	struct tpmiot_err *err;
	enum tpmiot_rc rc;
};

static bool
load_one(void *arg, const struct ca_root *root)
{
	struct load *load = arg;

	load->rc = add(load->roots, root, load->err);
	return load->rc == TPMIOT_OK;
}

enum tpmiot_rc
ca_roots_refresh(struct ca_store *store, struct ca_roots *roots, struct tpmiot_err *err)
{
	struct ca_roots fresh = { .anchors = NULL };
	struct load load = { &fresh, err, TPMIOT_OK };
	enum tpmiot_rc rc;

	if ((rc = ca_root_generation(store, &fresh.generation, err)) != TPMIOT_OK)
		return rc;
	if (roots->anchors != NULL && roots->generation == fresh.generation)
		return TPMIOT_OK;
	fresh.anchors = X509_STORE_new();
	fresh.links = sk_X509_new_null();
	if (fresh.anchors == NULL || fresh.links == NULL)
		rc = tpmiot_err_memory(err);
	else if ((rc = ca_root_list(store, load_one, &load, err)) == TPMIOT_OK)
		rc = load.rc;
	if (rc == TPMIOT_OK) {
		ca_roots_free(roots);
		*roots = fresh;
	} else {
		ca_roots_free(&fresh);
	}
	return rc;
}

void
ca_roots_free(struct ca_roots *roots)
{
	X509_STORE_free(roots->anchors);
	sk_X509_pop_free(roots->links, X509_free);
	ca_links_free(&roots->sent);
	roots->anchors = NULL;
	roots->links = NULL;
}
