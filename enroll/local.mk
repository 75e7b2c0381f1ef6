# SPDX-License-Identifier: Apache-2.0
# tpmiot-enroll: a tiny main.c and a convenience library that the tests link.
