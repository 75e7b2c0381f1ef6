/* SPDX-License-Identifier: Apache-2.0 */
/* JSON from people whom nobody knows yet: bounded before it is parsed. */
#ifndef CA_JSON_H
#define CA_JSON_H

#include <stddef.h>

#include <jansson.h>

#include <tpmiot/err.h>

/*
 * An object of at most depth_max levels without a key twice, and nothing behind it.
 * TPMIOT_E_FORMAT. The caller owns *out.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_json_load(
    const void *data, size_t len, int depth_max, json_t **out, struct tpmiot_err *err);

#endif
