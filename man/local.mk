# SPDX-License-Identifier: Apache-2.0
dist_man_MANS += man/tpmiot-provider.7
if ENABLE_ENROLL
dist_man_MANS += man/tpmiot-enroll.1
endif
if ENABLE_CA
dist_man_MANS += man/tpmiot-ca.1
endif
