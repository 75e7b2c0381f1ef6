/* SPDX-License-Identifier: Apache-2.0 */
#include "peers.h"

#include <string.h>

enum {
	PEER_DEFAULT = 1,
	PEER_BASE = 2,
	PEERS_UNKNOWN = 4 /* no way to ask: take it that files are looked after */
};

static unsigned int
peer_bit(const struct prov_ctx *prov, const OSSL_CORE_HANDLE *peer)
{
	const char *name = prov->up.provider_name(peer);

	if (name == NULL)
		return 0;
	return strcmp(name, "default") == 0 ? PEER_DEFAULT
	       : strcmp(name, "base") == 0  ? PEER_BASE
	                                    : 0;
}

/* Both run under a lock of libcrypto's: no upcall that takes one. */
static int
on_active(const OSSL_CORE_HANDLE *peer, void *arg)
{
	struct prov_ctx *prov = arg;

	atomic_fetch_or(&prov->peers, peer_bit(prov, peer));
	return 1;
}

static int
on_inactive(const OSSL_CORE_HANDLE *peer, void *arg)
{
	struct prov_ctx *prov = arg;

	atomic_fetch_and(&prov->peers, ~peer_bit(prov, peer));
	return 1;
}

static int
on_properties(const char *props, void *arg)
{
	(void)props;
	(void)arg;
	return 1;
}

void
prov_peers_watch(struct prov_ctx *prov)
{
	atomic_init(&prov->peers, 0);
	if (prov->up.register_child_cb == NULL || prov->up.deregister_child_cb == NULL ||
	    prov->up.provider_name == NULL ||
	    !prov->up.register_child_cb(prov->core, on_active, on_inactive, on_properties, prov))
		atomic_store(&prov->peers, PEERS_UNKNOWN);
}

void
prov_peers_unwatch(struct prov_ctx *prov)
{
	if (prov->up.deregister_child_cb != NULL)
		prov->up.deregister_child_cb(prov->core);
}

bool
prov_peers_open_files(const struct prov_ctx *prov)
{
	return atomic_load(&prov->peers) != 0;
}
