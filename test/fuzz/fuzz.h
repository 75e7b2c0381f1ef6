/* SPDX-License-Identifier: Apache-2.0 */
/* What every fuzz target offers: libFuzzer's entry point, called by stdin_main.c as well. */
#ifndef TPMIOT_TEST_FUZZ_H
#define TPMIOT_TEST_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property that must hold for every input; checked in every build. */
#define FUZZ_ASSERT(x)                                                                             \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

#endif
