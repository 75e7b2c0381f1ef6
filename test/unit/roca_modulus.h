/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An RSA-2048 modulus as the library of CVE-2017-15361 made them: the product of
 * two primes k * M + (65537^a mod M), M being the product of the first 126
 * primes. Made for these tests; nobody's key.
 */
#ifndef TEST_ROCA_MODULUS_H
#define TEST_ROCA_MODULUS_H

#define ROCA_MODULUS                                                                               \
	"f9decbcc301f5d84fcf434e26f0db5b33e7221dabbe2ca7cc66bb7a477e87e29"                         \
	"2df6ee7e3d35d3cf0ab9dcddbd7d7b2b2b4278247ab83ab765d7222acb2bc622"                         \
	"ff54b7902f3fac3a135211511fd21d72385654420e3bc0519c19fac04a24bfbf"                         \
	"08e3fce85a45650e81ba4c9c2b861d5601f2de74a0374d5f19ecfed47650bad7"                         \
	"ace5eb553e1d8d7f246c64af0d46561e34e51ea072311b460b0099f38df1ad63"                         \
	"14ce22c650e1a8ec75af85183cc4da582c3185db2d3ec6fa55c898fee5e17846"                         \
	"1116af8c37591d5c930470114760d44456829b25ca6ce7fa4c7e928e98fddb9d"                         \
	"e895feae4832f05971c5eb0359240b1a714d88c9767af2414afc44e31571fa41"

#endif
