/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which other providers the application has active.
 *
 * Files are opened, and public keys are read, by the provider "default" or
 * "base". `openssl … -provider tpmiot` loads neither, so that no file could be
 * opened at all. Then, and only then, we offer what is needed for that.
 */
#ifndef PROVIDER_PEERS_H
#define PROVIDER_PEERS_H

#include "prov.h"

void prov_peers_watch(struct prov_ctx *prov);
void prov_peers_unwatch(struct prov_ctx *prov);

/* Whether a provider that opens files is active. */
bool prov_peers_open_files(const struct prov_ctx *prov);

#endif
