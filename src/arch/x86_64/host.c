/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What kind of KVM the host has.
 *
 * A /dev/kvm that opens need not be one that runs kernels: the module kvm_pvm makes
 * one on CPUs without virtualization. It interprets real mode and small 32-bit guests,
 * and a stock kernel stands still in it without a word. KVM itself does not tell; the
 * flags of the CPU and the name of the module do. tools/kvm-usable has the same rule.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arch/x86_64/host.h"

/* Is `flag` one of the words of a line of flags? */
static bool has_flag(const char *line, const char *flag)
{
	const size_t length = strlen(flag);

	for (const char *at = line; (at = strstr(at, flag)); at += length) {
		if (at != line && at[-1] == ' ' && strchr(" \n", at[length]))
			return true;
	}
	return false;
}

/* true also if nothing is known of the CPU. */
static bool cpu_has_virtualization(const char *cpuinfo)
{
	FILE *file = fopen(cpuinfo, "re");
	char *line = NULL;
	size_t size = 0;
	bool found = true;

	while (file && getline(&line, &size, file) > 0) {
		if (strncmp(line, "flags", strlen("flags")) != 0)
			continue;
		found = has_flag(line, "vmx") || has_flag(line, "svm");
		break;
	}
	free(line);
	if (file)
		fclose(file);
	return found;
}

const char *host_why_unfit(const char *cpuinfo, const char *pvm)
{
	if (!cpu_has_virtualization(cpuinfo))
		return "this CPU offers no virtualization (no vmx, no svm)";
	if (access(pvm, F_OK) == 0)
		return "/dev/kvm is that of kvm_pvm";
	return NULL;
}
