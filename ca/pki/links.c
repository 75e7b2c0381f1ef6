/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/pki/links.h"

#include <string.h>

X509 *
ca_links_read(struct ca_links *links, const uint8_t **p, size_t len)
{
	/* DER says its own length: what begins with a whole certificate is that certificate. */
	for (size_t i = 0; i < CA_LINKS_MAX; i++) {
		const struct tpmiot_buf *der = &links->kept[i].der;

		if (der->len == 0 || der->len > len || memcmp(der->data, *p, der->len) != 0)
			continue;
		if (X509_up_ref(links->kept[i].cert) != 1)
			return NULL;
		*p += der->len;
		return links->kept[i].cert;
	}
	return d2i_X509(NULL, p, (long)len);
}

static bool
has(const struct ca_links *links, const X509 *cert)
{
	for (size_t i = 0; i < CA_LINKS_MAX; i++)
		if (links->kept[i].cert == cert)
			return true;
	return false;
}

void
ca_links_keep(struct ca_links *links, X509 *cert)
{
	unsigned char *der = NULL;
	int len;

	if (has(links, cert) || (len = i2d_X509(cert, &der)) <= 0)
		return;
	tpmiot_buf_reset(&links->kept[links->next].der);
	tpmiot_buf_put(&links->kept[links->next].der, der, (size_t)len);
	OPENSSL_free(der);
	X509_free(links->kept[links->next].cert);
	links->kept[links->next].cert = NULL;
	if (links->kept[links->next].der.failed || X509_up_ref(cert) != 1) {
		tpmiot_buf_free(&links->kept[links->next].der);
		return;
	}
	links->kept[links->next].cert = cert;
	links->next = (links->next + 1) % CA_LINKS_MAX;
}

void
ca_links_free(struct ca_links *links)
{
	for (size_t i = 0; i < CA_LINKS_MAX; i++) {
		tpmiot_buf_free(&links->kept[i].der);
		X509_free(links->kept[i].cert);
		links->kept[i].cert = NULL;
	}
	links->next = 0;
}
