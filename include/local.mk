# SPDX-License-Identifier: Apache-2.0
# Headers are shared between the components, not installed: there is no public library.
noinst_HEADERS = \
	include/tpmiot/alg.h include/tpmiot/attest.h include/tpmiot/b64.h \
	include/tpmiot/buf.h include/tpmiot/credential.h include/tpmiot/device_id.h \
	include/tpmiot/dps.h include/tpmiot/duplicate.h \
	include/tpmiot/ek.h \
	include/tpmiot/der.h include/tpmiot/ekcert.h include/tpmiot/err.h include/tpmiot/jws.h \
	include/tpmiot/gcm.h include/tpmiot/kdf.h \
	include/tpmiot/key.h include/tpmiot/keyfile.h include/tpmiot/keyless.h include/tpmiot/keyrules.h \
	include/tpmiot/pcr.h include/tpmiot/pcrset.h \
	include/tpmiot/policy.h include/tpmiot/public.h include/tpmiot/rsapad.h \
	include/tpmiot/sas.h \
	include/tpmiot/signature.h \
	include/tpmiot/statedir.h include/tpmiot/template.h include/tpmiot/tpm.h \
	include/tpmiot/uri.h
