# SPDX-License-Identifier: Apache-2.0
# To copy from; the tests and ./quickstart run the servers with these very files.
examplesdir = $(docdir)/examples
dist_examples_SCRIPTS = examples/tpmiot-factory
dist_examples_DATA = \
	examples/mosquitto-broker.conf \
	examples/nginx-device.conf \
	examples/nginx-server.conf \
	examples/openssl.cnf \
	examples/tpmiot-ca.service \
	examples/tpmiot-ca.socket \
	examples/tpmiot-ca.sysusers \
	examples/tpmiot-renew.service \
	examples/tpmiot-renew.timer

# The units name the programs by their whole path: the one that they are installed to. So does openssl.cnf with the
# module, where OpenSSL does not look there by itself.
install-example-files:
	for unit in tpmiot-ca.service tpmiot-renew.service; do \
		sed 's,/usr/bin/tpmiot-,$(bindir)/tpmiot-,' $(srcdir)/examples/$$unit \
			>'$(DESTDIR)$(examplesdir)'/$$unit || exit 1; \
	done
	test '$(ossl_modulesdir)' = '$(openssl_modulesdir)' || \
		sed 's,^# module = .*,module = $(ossl_modulesdir)/tpmiot.so,' $(srcdir)/examples/openssl.cnf \
			>'$(DESTDIR)$(examplesdir)'/openssl.cnf
.PHONY: install-example-files

# A walk for each system that devices come from. They run in the source tree, so they are not installed.
EXTRA_DIST += \
	examples/sandbox.sh \
	examples/azure-dps/README.md examples/azure-dps/walk \
	examples/factory/README.md examples/factory/walk \
	examples/jwt-mqtt/README.md examples/jwt-mqtt/devices.acl examples/jwt-mqtt/mosquitto.conf \
	examples/jwt-mqtt/tpmiot_mqtt_auth.c examples/jwt-mqtt/walk \
	examples/ocf-identity/README.md examples/ocf-identity/walk \
	examples/signed-telemetry/README.md examples/signed-telemetry/walk
