# SPDX-License-Identifier: Apache-2.0
# Where the package bash-completion looks.
bashcompletiondir = $(datadir)/bash-completion/completions
if ENABLE_ENROLL
dist_bashcompletion_DATA = completion/tpmiot-enroll
endif
