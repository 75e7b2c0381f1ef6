/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCTI that another program serves: tpm2_send, of tpm2-tools, takes commands and gives
 * responses on standard input and output. It is for what a process cannot do itself:
 * tpm2-abrmd is reached by D-Bus, whose library (GLib) has a thread of its own and does not
 * survive a fork, so that a child would wait for ever for that thread.
 */
#ifndef TPM_RELAY_H
#define TPM_RELAY_H

#include <stdbool.h>

#include <tss2/tss2_tcti.h>

/*
 * Starts `program` (by its path) as `program --tcti=conf`. What else this process has open is
 * closed there; it ends with this process, and with tpm_relay_close(). False: it could not be
 * started. That it cannot reach the TPM shows at the first command.
 */
bool tpm_relay_open(const char *program, const char *conf, TSS2_TCTI_CONTEXT **out);

/*
 * The same with tpm2_send from where packages put it, whatever PATH says. Not in a program
 * that has privileges which its caller lacks (setuid): it starts nothing.
 */
bool tpm_relay_open_tpm2_send(const char *conf, TSS2_TCTI_CONTEXT **out);

/* Closes *tcti, if it is one of these; false if not. */
bool tpm_relay_close(TSS2_TCTI_CONTEXT **tcti);

#endif
