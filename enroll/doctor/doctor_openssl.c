/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/conf.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/provider.h>

#include "enroll/doctor/doctor.h"

/* Without a configuration: is the module where OpenSSL looks? It talks to no TPM. */
static bool
module_loads(void)
{
	OSSL_LIB_CTX *ctx = OSSL_LIB_CTX_new();
	OSSL_PROVIDER *module = ctx != NULL ? OSSL_PROVIDER_load(ctx, "tpmiot") : NULL;
	bool loads = module != NULL;

	(void)OSSL_PROVIDER_unload(module);
	OSSL_LIB_CTX_free(ctx);
	ERR_clear_error();
	return loads;
}

/* As a program that starts here: its configuration, in a context of our own. */
void
enroll_doctor_openssl(struct enroll_doctor *doctor)
{
	char *file = CONF_get1_default_config_file();
	OSSL_LIB_CTX *ctx = OSSL_LIB_CTX_new();
	const char *shown = file != NULL ? file : "openssl.cnf";
	bool loaded;

	loaded = ctx != NULL && file != NULL && OSSL_LIB_CTX_load_config(ctx, file) == 1;
	ERR_clear_error();
	if (loaded && OSSL_PROVIDER_available(ctx, "tpmiot") == 1 &&
	    OSSL_PROVIDER_available(ctx, "default") == 1)
		enroll_doctor_say(
		    doctor, ENROLL_FINE, "openssl", NULL, "%s activates the provider", shown);
	else if (!module_loads())
		enroll_doctor_say(doctor, ENROLL_FAULT, "openssl",
		    "install it there, or name it in OPENSSL_MODULES",
		    "the module tpmiot.so is not in %s", OPENSSL_info(OPENSSL_INFO_MODULES_DIR));
	else if (!loaded)
		enroll_doctor_say(doctor, ENROLL_FAULT, "openssl",
		    "repair it, after examples/openssl.cnf of tpmiot",
		    "%s is not there or not usable: programs here run without a configuration",
		    shown);
	else if (OSSL_PROVIDER_available(ctx, "tpmiot") == 1)
		enroll_doctor_say(doctor, ENROLL_FAULT, "openssl",
		    "add \"default\" with activate = 1 to the providers",
		    "%s activates the provider, but not OpenSSL's default one beside it", shown);
	else
		enroll_doctor_say(doctor, ENROLL_WARNING, "openssl",
		    "take over the sections of examples/openssl.cnf of tpmiot, or give programs "
		    "their own file in OPENSSL_CONF",
		    "%s does not activate the provider", shown);
	OSSL_LIB_CTX_free(ctx);
	OPENSSL_free(file);
}
