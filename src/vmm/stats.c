/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * --stats.
 *
 * The memory that the VMM itself takes is what is resident outside guest RAM.
 * /proc/self/smaps tells the resident size of each mapping, so guest RAM can be
 * left out. Its peak is while the kernel is unpacked: at the end of loading,
 * VmHWM less what guest RAM has resident by then. It is compared with what is
 * resident at the end, in case the devices grew later.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "vmm/stats.h"

/* Bytes resident in guest RAM, and everywhere else. */
static void resident(const struct vm *vm, uint64_t *guest, uint64_t *vmm)
{
	FILE *smaps = fopen("/proc/self/smaps", "re");
	char line[512];
	bool is_guest = false;

	*guest = *vmm = 0;
	if (!smaps)
		return;
	while (fgets(line, sizeof(line), smaps)) {
		unsigned long low, high, kib;

		if (sscanf(line, "%lx-%lx ", &low, &high) == 2)
			is_guest = memory_owns(&vm->memory, low);
		else if (sscanf(line, "Rss: %lu kB", &kib) == 1 ||
			 sscanf(line, "Private_Hugetlb: %lu kB", &kib) == 1)
			*(is_guest ? guest : vmm) += (uint64_t)kib << 10;
	}
	fclose(smaps);
}

/* The most that was ever resident, guest RAM included. */
static uint64_t high_water(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[256];
	unsigned long kib = 0;

	if (!status)
		return 0;
	while (fgets(line, sizeof(line), status)) {
		if (sscanf(line, "VmHWM: %lu kB", &kib) == 1)
			break;
	}
	fclose(status);
	return (uint64_t)kib << 10;
}

static void note_peak(struct vm *vm, uint64_t bytes)
{
	if (bytes > vm->stats.peak_vmm)
		vm->stats.peak_vmm = bytes;
}

void stats_note_load(struct vm *vm)
{
	const int64_t before = loop_now();
	uint64_t guest, vmm, peak = high_water();

	resident(vm, &guest, &vmm);
	note_peak(vm, peak > guest ? peak - guest : vmm);
	/* The time that this took is not the VM's: reading smaps takes a while. */
	vm->stats.started_ns += loop_now() - before;
}

void stats_print(struct vm *vm, FILE *out)
{
	const struct vm_stats *stats = &vm->stats;
	uint64_t guest, vmm;

	resident(vm, &guest, &vmm);
	note_peak(vm, vmm);
	fprintf(out, "tane: statistics%s%s\n", vm->config->name ? " of " : "",
		vm->config->name ? vm->config->name : "");
	fprintf(out, "  time to the first KVM_RUN  %.3f ms\n",
		(double)(stats->first_run_ns - stats->started_ns) / 1e6);
	for (unsigned i = 0; i < stats->nr_milestones; i++)
		fprintf(out, "  time to milestone %-3u      %.3f ms\n",
			stats->milestones[i].number,
			(double)stats->milestones[i].at_ns / 1e6);
	fprintf(out,
		"  memory of the VMM          %" PRIu64 " KiB at the end, %" PRIu64
		" KiB at its peak\n",
		vmm >> 10, stats->peak_vmm >> 10);
	fprintf(out, "  guest RAM in use           %" PRIu64 " KiB\n", guest >> 10);
	machine_print_stats(vm, out);
	vcpus_print_stats(vm, out);
	bus_print_stats(&vm->bus, out);
}
