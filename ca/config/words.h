/* SPDX-License-Identifier: Apache-2.0 */
/* Comma-separated lists in configuration values. */
#ifndef CA_WORDS_H
#define CA_WORDS_H

#include <stdbool.h>

#define CA_WORD_MAX 256

/*
 * The next word without the blanks around it; false at the end. *rest moves on. A word that is too
 * long is cut, which no rule then matches.
 */
bool ca_word_next(const char **rest, char out[CA_WORD_MAX]);

#endif
