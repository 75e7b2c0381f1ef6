# SPDX-License-Identifier: Apache-2.0
# What tpmiot-ca can trust: see trust/README.md. The bundle's licence goes with it.
dist_trust_DATA = trust/roots.pem trust/intermediates.pem trust/LICENSE.tpm-ca-certificates
EXTRA_DIST += trust/README.md
