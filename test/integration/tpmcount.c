/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tpmcount [-c] FILE: the TPM commands in a file that tpm2-tss's "pcap:" TCTI
 * wrote (pcapng; TCP over IPv4, made up). One name a line, with the response
 * code behind it where the command failed; -c: how many. A file that ends in
 * the middle of a block (the program was killed) counts up to there.
 */
#include <config.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tss2/tss2_tpm2_types.h>

#define PCAPNG_SECTION 0x0a0d0d0au
#define PCAPNG_MAGIC 0x1a2b3c4du
#define PCAPNG_PACKET 6u

#define PACKET_HEAD 28u /* type, length, interface, time (2), captured, original */
#define TPM_HEAD 10u    /* tag, size, code */

static uint32_t
le32(const uint8_t *p)
{
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static uint32_t
be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static const char *
command_name(uint32_t code)
{
#define NAME(n)                                                                                    \
	{                                                                                          \
		TPM2_CC_##n, #n                                                                    \
	}
	static const struct {
		uint32_t code;
		const char *name;
	} names[] = {
		NAME(ActivateCredential),
		NAME(Certify),
		NAME(CertifyCreation),
		NAME(Clear),
		NAME(ContextLoad),
		NAME(ContextSave),
		NAME(Create),
		NAME(CreateLoaded),
		NAME(CreatePrimary),
		NAME(DictionaryAttackLockReset),
		NAME(DictionaryAttackParameters),
		NAME(Duplicate),
		NAME(ECC_Parameters),
		NAME(ECDH_KeyGen),
		NAME(ECDH_ZGen),
		NAME(EncryptDecrypt),
		NAME(EncryptDecrypt2),
		NAME(EvictControl),
		NAME(FlushContext),
		NAME(GetCapability),
		NAME(GetRandom),
		NAME(GetTestResult),
		NAME(HMAC),
		NAME(HMAC_Start),
		NAME(Hash),
		NAME(HashSequenceStart),
		NAME(HierarchyChangeAuth),
		NAME(Import),
		NAME(Load),
		NAME(LoadExternal),
		NAME(MakeCredential),
		NAME(NV_DefineSpace),
		NAME(NV_Read),
		NAME(NV_ReadPublic),
		NAME(NV_UndefineSpace),
		NAME(NV_Write),
		NAME(ObjectChangeAuth),
		NAME(PCR_Extend),
		NAME(PCR_Read),
		NAME(PolicyAuthValue),
		NAME(PolicyAuthorize),
		NAME(PolicyAuthorizeNV),
		NAME(PolicyCommandCode),
		NAME(PolicyCounterTimer),
		NAME(PolicyGetDigest),
		NAME(PolicyLocality),
		NAME(PolicyNV),
		NAME(PolicyOR),
		NAME(PolicyPCR),
		NAME(PolicyPassword),
		NAME(PolicyRestart),
		NAME(PolicySecret),
		NAME(PolicySigned),
		NAME(Quote),
		NAME(RSA_Decrypt),
		NAME(RSA_Encrypt),
		NAME(ReadClock),
		NAME(ReadPublic),
		NAME(SelfTest),
		NAME(SequenceComplete),
		NAME(SequenceUpdate),
		NAME(Shutdown),
		NAME(Sign),
		NAME(StartAuthSession),
		NAME(Startup),
		NAME(StirRandom),
		NAME(TestParms),
		NAME(Unseal),
		NAME(VerifySignature),
		NAME(ZGen_2Phase),
	};
#undef NAME

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].code == code)
			return names[i].name;
	return NULL;
}

struct listing {
	bool count_only;
	bool open; /* a name stands without its line's end */
	unsigned long commands;
};

static void
end_line(struct listing *l)
{
	if (l->open)
		putchar('\n');
	l->open = false;
}

static void
command(struct listing *l, uint32_t code)
{
	const char *name = command_name(code);

	l->commands++;
	if (l->count_only)
		return;
	end_line(l);
	if (name != NULL)
		fputs(name, stdout);
	else
		printf("0x%08x", code);
	l->open = true;
}

static void
response(struct listing *l, uint32_t code)
{
	if (l->open && code != 0)
		printf(" 0x%03x", code);
	end_line(l);
}

/* The TPM's side of the made-up connection is the one with the lower port. */
static void
packet(struct listing *l, const uint8_t *p, size_t len)
{
	size_t ip, head;
	bool to_tpm;

	if (len < 20 || p[0] >> 4 != 4)
		return;
	ip = (size_t)(p[0] & 0x0f) * 4;
	if (len < ip + 20)
		return;
	to_tpm = memcmp(p + ip, p + ip + 2, 2) > 0;
	head = ip + (size_t)(p[ip + 12] >> 4) * 4;
	if (len < head + TPM_HEAD)
		return;
	if (to_tpm)
		command(l, be32(p + head + 6));
	else
		response(l, be32(p + head + 6));
}

/* False at the end: of the file, or of what makes sense in it. */
static bool
block(struct listing *l, FILE *f)
{
	static uint8_t buf[1 << 16];
	uint32_t type, len, captured;

	if (fread(buf, 1, 8, f) != 8)
		return false;
	type = le32(buf);
	len = le32(buf + 4);
	if (len < 12 || len % 4 != 0 || len > sizeof(buf) ||
	    fread(buf + 8, 1, len - 8, f) != len - 8)
		return false;
	if (type == PCAPNG_SECTION && le32(buf + 8) != PCAPNG_MAGIC)
		return false; /* written on a machine of the other byte order */
	if (type == PCAPNG_PACKET && len >= PACKET_HEAD + 4) {
		captured = le32(buf + 20);
		if (captured > len - PACKET_HEAD - 4)
			return false;
		packet(l, buf + PACKET_HEAD, captured);
	}
	return true;
}

int
main(int argc, char **argv)
{
	struct listing l = { .count_only = false };
	FILE *f;
	int c;

	while ((c = getopt(argc, argv, "c")) != -1) {
		if (c != 'c')
			return 2;
		l.count_only = true;
	}
	if (optind != argc - 1) {
		fprintf(stderr, "usage: tpmcount [-c] FILE\n");
		return 2;
	}
	f = fopen(argv[optind], "rb");
	if (f == NULL) {
		perror(argv[optind]);
		return 1;
	}
	while (block(&l, f))
		;
	fclose(f);
	end_line(&l);
	if (l.count_only)
		printf("%lu\n", l.commands);
	return 0;
}
