/* SPDX-License-Identifier: Apache-2.0 */
/* What a device may be called: one rule for the device, the CA and the wire (doc/PROTOCOL.md). */
#ifndef TPMIOT_DEVICE_ID_H
#define TPMIOT_DEVICE_ID_H

#include <stdbool.h>

/* X.520's upper bound for a common name, which a device id becomes. */
#define TPMIOT_DEVICE_ID_MAX 64

/* 1 to 64 of [A-Za-z0-9._:@-], beginning with a letter or digit. */
bool tpmiot_device_id_valid(const char *id);

#endif
