# SPDX-License-Identifier: Apache-2.0
# `make programs`: stock programs with keys in the TPM, and the table of them in the README.
EXTRA_DIST += \
	test/programs/run.sh \
	test/programs/table.awk \
	test/programs/peers.sh \
	test/programs/apache.sh \
	test/programs/curl.sh \
	test/programs/haproxy.sh \
	test/programs/hitch.sh \
	test/programs/jwt_sign.c \
	test/programs/libjwt.sh \
	test/programs/lighttpd.sh \
	test/programs/mosquitto.sh \
	test/programs/ncat.sh \
	test/programs/nginx.sh \
	test/programs/openssl.sh \
	test/programs/openvpn.sh \
	test/programs/perl.sh \
	test/programs/php.sh \
	test/programs/postgresql.sh \
	test/programs/python.sh \
	test/programs/python_peer.py \
	test/programs/redis.sh \
	test/programs/rsyslog.sh \
	test/programs/socat.sh \
	test/programs/stunnel.sh \
	test/programs/wpa.sh

programs: all test/integration/tpmcount
	@TPMIOT_BUILDDIR=$(abs_builddir) bash $(srcdir)/test/programs/run.sh \
	    --readme=$(abs_srcdir)/README.md
.PHONY: programs
