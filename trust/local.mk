# SPDX-License-Identifier: Apache-2.0
# What tpmiot-ca trusts when the operator asks for the makers' roots: see trust/README.md.
dist_trust_DATA = trust/roots.pem trust/intermediates.pem
EXTRA_DIST += trust/README.md
