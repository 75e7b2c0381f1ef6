/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tool says: words for people on stderr, results on stdout (as one
 * JSON object with --json), progress of long steps on a terminal, and the exit code.
 */
#ifndef ENROLL_UI_H
#define ENROLL_UI_H

#include <stdbool.h>

#include <jansson.h>

#include <tpmiot/err.h>

enum enroll_exit {
	ENROLL_DONE = 0,
	ENROLL_FAILED = 1,
	ENROLL_USAGE = 2,
	ENROLL_REFUSED = 3, /* by the CA */
	ENROLL_CA = 4,      /* CA not reachable or not trusted */
	ENROLL_TPM = 5
};

struct enroll_ui {
	bool json;
	bool quiet;
	bool verbose;
	json_t *report; /* the --json object, owned */
};

TPMIOT_MUST_USE enum tpmiot_rc enroll_ui_init(struct enroll_ui *ui, struct tpmiot_err *err);
void enroll_ui_free(struct enroll_ui *ui);

/* A line on stderr, unless -q. */
void enroll_ui_note(const struct enroll_ui *ui, const char *fmt, ...) TPMIOT_PRINTF(2, 3);
/* A line on stderr with -v. */
void enroll_ui_detail(const struct enroll_ui *ui, const char *fmt, ...) TPMIOT_PRINTF(2, 3);
/* A line on stderr, always. */
void enroll_ui_warn(const struct enroll_ui *ui, const char *fmt, ...) TPMIOT_PRINTF(2, 3);

/*
 * A result: a member of the --json object, or the line "LABEL: VALUE" on
 * stdout. label NULL: for --json only. NULL as value is not there and not said.
 */
void enroll_ui_result(
    struct enroll_ui *ui, const char *member, const char *label, const char *value);
/* A --json member of any type; takes the reference over. */
void enroll_ui_member(struct enroll_ui *ui, const char *member, json_t *value);

/*
 * Ends a command: says the error with its next step, or nothing if rc is
 * TPMIOT_OK, prints the --json object. Returns the exit code.
 */
enum enroll_exit enroll_ui_finish(struct enroll_ui *ui, const struct tpmiot_err *err);

enum enroll_exit enroll_ui_exit_code(const struct tpmiot_err *err);

/* Shows on a terminal that something long is under way, until stopped. */
struct enroll_progress;
struct enroll_progress *enroll_progress_start(const struct enroll_ui *ui, const char *what);
void enroll_progress_stop(struct enroll_progress **progress);

/*
 * SIGINT, SIGTERM and SIGHUP are held back while the tool works, so that no
 * TPM command is cut in two; it asks here where stopping is safe.
 * TPMIOT_E_IO if one came. After _release the signal takes its course.
 */
void enroll_signals_hold(void);
bool enroll_signals_pending(void);
TPMIOT_MUST_USE enum tpmiot_rc enroll_signals_check(struct tpmiot_err *err);
void enroll_signals_release(void);

#endif
