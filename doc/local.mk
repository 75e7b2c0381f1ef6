# SPDX-License-Identifier: Apache-2.0
dist_doc_DATA = README.md NEWS.md SECURITY.md LICENSE \
	doc/ARCHITECTURE.md doc/KEYFILE.md doc/OPERATIONS.md doc/PROTOCOL.md doc/openapi.yaml
