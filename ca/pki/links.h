/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates between a TPM and its maker's root, as devices send them along: the same few from
 * a whole fleet. They are parsed (which takes longer than to verify a signature by them), and then
 * kept for the next device. What is here is trusted no more than what was sent just now.
 */
#ifndef CA_LINKS_H
#define CA_LINKS_H

#include <openssl/x509.h>

#include <tpmiot/buf.h>

#define CA_LINKS_MAX 16

struct ca_links {
	struct {
		struct tpmiot_buf der;
		X509 *cert;
	} kept[CA_LINKS_MAX];
	size_t next; /* the place that is taken next: the oldest goes */
};

/* As d2i_X509(NULL, p, len). */
X509 *ca_links_read(struct ca_links *links, const uint8_t **p, size_t len);
/* For who sends one that led to a root: strangers cannot push out what is here. */
void ca_links_keep(struct ca_links *links, X509 *cert);
void ca_links_free(struct ca_links *links);

#endif
