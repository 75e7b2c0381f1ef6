# SPDX-License-Identifier: Apache-2.0
# The OpenSSL module: dispatch tables and the thin functions behind them.
ossl_modulesdir = $(modulesdir)
