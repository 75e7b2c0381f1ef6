/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROVIDER_CAPABILITIES_H
#define PROVIDER_CAPABILITIES_H

#include "prov.h"

OSSL_FUNC_provider_get_capabilities_fn prov_get_capabilities;

#endif
