/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "enroll/cmd/ui.h"

enum tpmiot_rc
enroll_ui_init(struct enroll_ui *ui, struct tpmiot_err *err)
{
	ui->report = json_object();
	return ui->report != NULL ? TPMIOT_OK : tpmiot_err_memory(err);
}

void
enroll_ui_free(struct enroll_ui *ui)
{
	json_decref(ui->report);
	ui->report = NULL;
}

static void say(const char *prefix, const char *fmt, va_list ap) TPMIOT_PRINTF(2, 0);

static void
say(const char *prefix, const char *fmt, va_list ap)
{
	fputs(prefix, stderr);
	(void)vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

void
enroll_ui_note(const struct enroll_ui *ui, const char *fmt, ...)
{
	va_list ap;

	if (ui->quiet)
		return;
	va_start(ap, fmt);
	say("", fmt, ap);
	va_end(ap);
}

void
enroll_ui_detail(const struct enroll_ui *ui, const char *fmt, ...)
{
	va_list ap;

	if (!ui->verbose)
		return;
	va_start(ap, fmt);
	say("  ", fmt, ap);
	va_end(ap);
}

void
enroll_ui_warn(const struct enroll_ui *ui, const char *fmt, ...)
{
	va_list ap;

	(void)ui;
	va_start(ap, fmt);
	say("tpmiot-enroll: warning: ", fmt, ap);
	va_end(ap);
}

void
enroll_ui_result(struct enroll_ui *ui, const char *member, const char *label, const char *value)
{
	if (value == NULL)
		return;
	enroll_ui_member(ui, member, json_string(value));
	if (label != NULL && !ui->json && !ui->quiet)
		(void)printf("%-14s %s\n", label, value);
}

void
enroll_ui_member(struct enroll_ui *ui, const char *member, json_t *value)
{
	(void)json_object_set_new(ui->report, member, value);
}

enum enroll_exit
enroll_ui_exit_code(const struct tpmiot_err *err)
{
	switch (err->rc) {
	case TPMIOT_OK:
		return ENROLL_DONE;
	case TPMIOT_E_USAGE:
		return ENROLL_USAGE;
	case TPMIOT_E_REFUSED:
		return ENROLL_REFUSED;
	case TPMIOT_E_NET:
	case TPMIOT_E_TRUST:
		return ENROLL_CA;
	case TPMIOT_E_AUTH:
	case TPMIOT_E_LOCKOUT:
	case TPMIOT_E_TPM_FULL:
	case TPMIOT_E_TPM_GONE:
	case TPMIOT_E_TPM:
		return ENROLL_TPM;
	default:
		return err->tss != 0 ? ENROLL_TPM : ENROLL_FAILED;
	}
}

enum enroll_exit
enroll_ui_finish(struct enroll_ui *ui, const struct tpmiot_err *err)
{
	enum enroll_exit code = enroll_ui_exit_code(err);

	if (code != ENROLL_DONE) {
		(void)fflush(stdout); /* in a log of both, the end comes at the end */
		(void)fprintf(stderr, "tpmiot-enroll: %s\n", err->text);
		enroll_ui_member(ui, "error", json_string(err->text));
	}
	if (ui->json) {
		enroll_ui_member(ui, "exit", json_integer(code));
		(void)json_dumpf(ui->report, stdout, JSON_INDENT(2));
		fputc('\n', stdout);
	}
	if (fflush(stdout) != 0 && code == ENROLL_DONE) {
		(void)fprintf(stderr, "tpmiot-enroll: cannot write to stdout\n");
		code = ENROLL_FAILED;
	}
	return code;
}

/* ---- Signals --------------------------------------------------------------- */

static const int held[] = { SIGINT, SIGTERM, SIGHUP };

static void
held_set(sigset_t *set)
{
	size_t i;

	(void)sigemptyset(set);
	for (i = 0; i < sizeof(held) / sizeof(held[0]); i++)
		(void)sigaddset(set, held[i]);
}

void
enroll_signals_hold(void)
{
	sigset_t set;

	held_set(&set);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN); /* a server that hangs up is an error, not an end */
}

bool
enroll_signals_pending(void)
{
	sigset_t pending;
	size_t i;

	if (sigpending(&pending) != 0)
		return false;
	for (i = 0; i < sizeof(held) / sizeof(held[0]); i++)
		if (sigismember(&pending, held[i]) == 1)
			return true;
	return false;
}

enum tpmiot_rc
enroll_signals_check(struct tpmiot_err *err)
{
	if (!enroll_signals_pending())
		return TPMIOT_OK;
	return tpmiot_err_set(
	    err, TPMIOT_E_IO, "interrupted; the same command again goes on from here");
}

void
enroll_signals_release(void)
{
	sigset_t set;

	held_set(&set);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
}
