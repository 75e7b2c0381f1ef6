/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "enroll/enrol/certs.h"
#include "enroll/doctor/doctor.h"
#include "enroll/dps/record.h"
#include "enroll/state/journal.h"
#include "enroll/enrol/keys.h"
#include "enroll/enrol/renewal.h"
#include "enroll/secret/kept.h"

#define KEY_LOST                                                                                   \
	"bring the file back from a copy, or run 'tpmiot-enroll reset --name=' with the key's "    \
	"name, and enroll"

/* ---- Rights ---------------------------------------------------------------------- */

/* False: there is nothing more to look at. */
static bool
look_at_dir(struct enroll_doctor *doctor)
{
	const char *dir = doctor->env->dir;
	struct stat st;

	if (stat(dir, &st) != 0 && errno == ENOENT) {
		enroll_doctor_say(doctor, ENROLL_FINE, "state", NULL,
		    "%s is not there yet: enroll makes it", dir);
		return false;
	}
	if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode) || access(dir, R_OK | X_OK) != 0)
		enroll_doctor_say(doctor, ENROLL_FAULT, "state",
		    "be root, or name another directory with --state-dir=DIR",
		    "%s is no directory that can be read", dir);
	else if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		enroll_doctor_say(doctor, ENROLL_FAULT, "state", "take the right away: chmod go-w",
		    "others may replace keys and certificates in %s", dir);
	else if (st.st_uid != geteuid() && st.st_uid != 0)
		enroll_doctor_say(doctor, ENROLL_FAULT, "state", "give it to root with chown",
		    "%s belongs to another user", dir);
	else if (access(dir, W_OK) != 0)
		enroll_doctor_say(doctor, ENROLL_WARNING, "state", "run enroll and renew as root",
		    "%s cannot be written by this user", dir);
	else
		enroll_doctor_say(doctor, ENROLL_FINE, "state", NULL, "%s", dir);
	if (enroll_journal_exists(dir))
		enroll_doctor_say(doctor, ENROLL_WARNING, "journal",
		    "run the same command again: it repairs what was left",
		    "a run was cut short, or is under way");
	return true;
}

/* Of the device's group only, else of nobody. */
static bool
group_may_read(const struct stat *st)
{
	const struct group *group = getgrnam(ENROLL_DEVICE_GROUP);

	return group != NULL && st->st_gid == group->gr_gid;
}

static void
look_at_rights(struct enroll_doctor *doctor, const char *name, const char *suffix)
{
	struct tpmiot_buf path = TPMIOT_BUF_INIT;
	mode_t bad = S_IRWXO | S_IWGRP | S_IXGRP;
	struct stat st;

	tpmiot_buf_printf(&path, "%s/%s%s", doctor->env->dir, name, suffix);
	if (tpmiot_buf_cstr(&path) != NULL && stat((const char *)path.data, &st) == 0) {
		if (strcmp(name, ENROLL_AK_NAME) == 0 || !group_may_read(&st))
			bad |= S_IRGRP;
		if ((st.st_mode & bad) == S_IRGRP && strcmp(name, ENROLL_AK_NAME) != 0)
			enroll_doctor_say(doctor, ENROLL_WARNING, "rights",
			    "chmod 600 takes that away, unless --group named it",
			    "%s/%s%s can be used by the group %u", doctor->env->dir, name, suffix,
			    (unsigned)st.st_gid);
		else if ((st.st_mode & bad) != 0)
			enroll_doctor_say(doctor, ENROLL_FAULT, "rights",
			    (bad & S_IRGRP) != 0 ? "chmod 600 takes them away"
			                         : "chmod 640 takes them away",
			    "%s/%s%s has mode %03o: others may use it", doctor->env->dir, name,
			    suffix, (unsigned)st.st_mode & 0777);
	}
	tpmiot_buf_free(&path);
}

/* ---- Keys and certificates --------------------------------------------------------- */

static void
look_at_cert(struct enroll_doctor *doctor, const char *name, const EVP_PKEY *pkey)
{
	struct tpmiot_buf when = TPMIOT_BUF_INIT;
	struct tpmiot_err err;
	X509 *leaf = NULL;
	int64_t left;

	if (enroll_certs_read_leaf(doctor->env->dir, name, &leaf, &err) != TPMIOT_OK) {
		enroll_doctor_say(doctor, ENROLL_WARNING, "certificate", "run tpmiot-enroll enroll",
		    "%s has none that can be read: %s", name, err.text);
		return;
	}
	enroll_certs_put_time(enroll_certs_not_after(leaf), &when);
	left = enroll_certs_not_after(leaf) - doctor->now;
	if (tpmiot_buf_cstr(&when) == NULL)
		;
	else if (X509_get0_pubkey(leaf) == NULL || EVP_PKEY_eq(X509_get0_pubkey(leaf), pkey) != 1)
		enroll_doctor_say(doctor, ENROLL_FAULT, "certificate", "run tpmiot-enroll enroll",
		    "%s.crt is for another key", name);
	else if (left <= 0)
		enroll_doctor_say(doctor, ENROLL_FAULT, "certificate", "run tpmiot-enroll enroll",
		    "%s is out of date since %s", name, (const char *)when.data);
	else if (left < enroll_renewal_default_before(leaf)) /* renew would have done it */
		enroll_doctor_say(doctor, ENROLL_WARNING, "certificate",
		    "run tpmiot-enroll renew, and see why its timer did not",
		    "%s is valid until %s only", name, (const char *)when.data);
	else
		enroll_doctor_say(doctor, ENROLL_FINE, "certificate", NULL, "%s is valid until %s",
		    name, (const char *)when.data);
	X509_free(leaf);
	tpmiot_buf_free(&when);
}

static void
look_at_pair(struct enroll_doctor *doctor, const char *name, const struct tpmiot_public *pub)
{
	EVP_PKEY *pkey = NULL;
	struct tpmiot_err err;

	if (tpmiot_public_to_pkey(NULL, pub, &pkey, &err) != TPMIOT_OK)
		enroll_doctor_fault(doctor, "key", &err, KEY_LOST);
	else
		look_at_cert(doctor, name, pkey);
	EVP_PKEY_free(pkey);
}

/* A hub's key has a registration, as others have a certificate. */
static void
look_at_registration(
    struct enroll_doctor *doctor, const char *name, const struct tpmiot_public *pub)
{
	struct enroll_dps_record record;
	struct tpmiot_buf when = TPMIOT_BUF_INIT;
	struct tpmiot_err err;
	enum tpmiot_rc rc = enroll_dps_record_read(doctor->env->dir, name, &record, NULL, &err);

	if (rc != TPMIOT_OK && rc != TPMIOT_E_NOT_FOUND) {
		enroll_doctor_say(doctor, ENROLL_FAULT, "registration",
		    "run tpmiot-enroll dps --again", "%s", err.text);
	} else if (rc != TPMIOT_OK || !enroll_dps_record_is_of(&record, pub)) {
		enroll_doctor_say(doctor, ENROLL_FAULT, "registration", "run tpmiot-enroll dps",
		    "the key %s is not registered with a hub, or that was cut short", name);
	} else {
		enroll_certs_put_time(record.assigned, &when);
		enroll_doctor_say(doctor, ENROLL_FINE, "registration", NULL,
		    "%s is %s with the hub %s, since %s", name, record.device_id, record.hub,
		    tpmiot_buf_cstr(&when) != NULL ? (const char *)when.data : "?");
	}
	tpmiot_buf_free(&when);
}

static bool
look_at_key(void *arg, const char *name)
{
	struct enroll_doctor *doctor = arg;
	struct tpmiot_keyfile file = { .extra = NULL };
	struct tpmiot_err err;

	look_at_rights(doctor, name, ".key");
	if (strcmp(name, ENROLL_AK_NAME) == 0)
		return true;
	if (enroll_state_read_key(doctor->env->dir, name, &file, &err) != TPMIOT_OK)
		enroll_doctor_fault(doctor, "key", &err, KEY_LOST);
	else if (tpmiot_public_is_hmac_key(&file.pub))
		look_at_registration(doctor, name, &file.pub);
	else
		look_at_pair(doctor, name, &file.pub);
	tpmiot_keyfile_clear(&file);
	return true;
}

static bool
look_at_secret(void *arg, const char *name)
{
	look_at_rights(arg, name, ENROLL_KEPT_SUFFIX);
	return true;
}

void
enroll_doctor_state(struct enroll_doctor *doctor)
{
	struct tpmiot_err err;

	if (look_at_dir(doctor) &&
	    (tpmiot_statedir_each_key(doctor->env->dir, look_at_key, doctor, &err) != TPMIOT_OK ||
	        tpmiot_statedir_each(doctor->env->dir, ENROLL_KEPT_SUFFIX, look_at_secret, doctor,
	            &err) != TPMIOT_OK))
		enroll_doctor_fault(
		    doctor, "state", &err, "look at the file system that the directory is in");
}
