#!/usr/bin/awk -f
# SPDX-License-Identifier: Apache-2.0
# The table of test/programs/run.sh. Input, with tabs between: program, version, role, key,
# variant, outcome. A variant is in the table if it was good in every order of the providers.
BEGIN {
	FS = "\t"
	print "| program | Debian package | with the key in the TPM as | RSA | EC |"
	print "|---|---|---|---|---|"
}
{
	row = $1 FS $2 FS $3
	if (!(row in seen)) {
		seen[row] = 1
		rows[++n_rows] = row
	}
	cell = row FS $4
	if (!((cell, $5) in outcome))
		variants[cell] = variants[cell] (variants[cell] == "" ? "" : FS) $5
	if ($6 != "ok")
		outcome[cell, $5] = "no"
	else if (!((cell, $5) in outcome))
		outcome[cell, $5] = "ok"
}
function contents(cell,    list, n, i, text) {
	n = split(variants[cell], list, FS)
	for (i = 1; i <= n; i++)
		text = text (i == 1 ? "" : ", ") list[i] \
		    (outcome[cell, list[i]] == "ok" ? "" : " **fails**")
	gsub(/TLS 1.2, TLS 1.3/, "TLS 1.2, 1.3", text)
	return n ? text : "no"
}
END {
	for (i = 1; i <= n_rows; i++) {
		split(rows[i], part, FS)
		name = part[1] " | " part[2]
		print "| " (name == last ? " | " : name) " | " part[3] " | " contents(rows[i] FS "RSA") \
		    " | " contents(rows[i] FS "EC") " |"
		last = name
	}
}
