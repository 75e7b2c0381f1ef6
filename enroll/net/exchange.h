/* SPDX-License-Identifier: Apache-2.0 */
/* One request and its answer: tried again where that is right, a refusal put into words. */
#ifndef ENROLL_EXCHANGE_H
#define ENROLL_EXCHANGE_H

#include "enroll/net/http.h"
#include "enroll/net/msg.h"
#include "enroll/cmd/ui.h"

/*
 * TPMIOT_OK: *out is the body of a 200 reply, JSON by its label. TPMIOT_E_REFUSED: the
 * CA said no; *problem has its type. TPMIOT_E_NET also for a CA that is too busy or
 * broken for now, when it did not change within enroll_http_patience(). TPMIOT_E_TRUST for what is
 * no CA of ours.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_exchange(struct enroll_http *http, const struct enroll_ui *ui,
    const char *path, const struct tpmiot_buf *body, struct tpmiot_buf *out,
    struct enroll_msg_problem *problem, struct tpmiot_err *err);

/* Whether the answer to this refusal is to start again at the first step. */
bool enroll_exchange_restarts(const struct enroll_msg_problem *problem);

/* The same before another try (enroll_retry_delay()), said with the reason: err if `was` is no
 * TPMIOT_OK, else reply. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_exchange_pause(const struct enroll_ui *ui, unsigned seconds,
    enum tpmiot_rc was, const struct enroll_http_reply *reply, struct tpmiot_err *err);

/* So many seconds, in short naps: TPMIOT_E_IO if a signal ended it. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_wait(unsigned seconds, struct tpmiot_err *err);

/* ---- Pure, for the tests ------------------------------------------------------ */

/* What a reply that is not a 200 means. */
enum tpmiot_rc enroll_exchange_judge(const struct enroll_http_reply *reply,
    struct enroll_msg_problem *problem, struct tpmiot_err *err);

#endif
