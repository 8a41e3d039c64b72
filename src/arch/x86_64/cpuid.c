/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUID: what KVM supports, with the topology of our machine in it.
 *
 * The guest sees one package of N cores with one thread each, and APIC ID n for
 * CPU n. KVM passes the host's topology through, which is wrong for a guest and
 * differs from vCPU to vCPU by chance, so every leaf that speaks of it is
 * rewritten: 1 and 4 (Intel SDM vol. 2A, CPUID), 0xB and 0x1F (extended topology),
 * 0x80000008, 0x8000001D and 0x8000001E (AMD APM vol. 3, appendix E).
 *
 * The hypervisor leaves 0x400000xx come from KVM: they announce kvmclock and
 * the other paravirtual features that make a guest boot fast. One is added:
 * 0x40000010, by which VMware tells the frequencies of TSC and APIC bus, so that
 * a guest that knows it (FreeBSD, for one) need not measure them.
 */
#include <stdlib.h>
#include <string.h>

#include "arch/x86_64/cpuid.h"

#define LEAF1_ECX_TSC_DEADLINE      (1u << 24)
#define LEAF1_ECX_HYPERVISOR        (1u << 31)
#define LEAF1_EDX_HTT               (1u << 28)
#define LEAF80000001_ECX_CMP_LEGACY (1u << 1)

#define LEVEL_SMT  1u
#define LEVEL_CORE 2u

/* Extended topology: two leaves with three subleaves each */
#define EXTRA_ENTRIES 7 /* and the hypervisor's frequencies */

struct kvm_cpuid_entry2 *cpuid_find(struct kvm_cpuid2 *cpuid, uint32_t function,
				    uint32_t index)
{
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

		if (entry->function == function &&
		    (entry->index == index ||
		     !(entry->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX)))
			return entry;
	}
	return NULL;
}

static void remove_leaf(struct kvm_cpuid2 *cpuid, uint32_t function)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < cpuid->nent; i++) {
		if (cpuid->entries[i].function != function)
			cpuid->entries[kept++] = cpuid->entries[i];
	}
	cpuid->nent = kept;
}

/* How many bits of an APIC ID number the cores of a package of `n`. */
static unsigned id_bits(unsigned n)
{
	unsigned bits = 0;

	while ((1u << bits) < n)
		bits++;
	return bits;
}

static void set_leaf_1(struct kvm_cpuid2 *cpuid, const struct cpuid_config *config)
{
	struct kvm_cpuid_entry2 *entry = cpuid_find(cpuid, 1, 0);
	const unsigned ids = 1u << id_bits(config->nr_cpus);

	if (!entry)
		return;
	/* EBX: brand index and CLFLUSH size stay; 23:16 IDs per package, 31:24 APIC ID. */
	entry->ebx &= 0x0000ffff;
	entry->ebx |= (ids < 255 ? ids : 255) << 16;
	entry->ebx |= (config->cpu & 0xff) << 24;
	entry->ecx |= LEAF1_ECX_HYPERVISOR;
	if (config->tsc_deadline)
		entry->ecx |= LEAF1_ECX_TSC_DEADLINE;
	if (config->nr_cpus > 1)
		entry->edx |= LEAF1_EDX_HTT;
	else
		entry->edx &= ~LEAF1_EDX_HTT;
}

/*
 * Cache leaves, Intel's 4 and AMD's 0x8000001D: 25:14 of EAX is the number of
 * IDs that share the cache, less one. Ours share the last level, no other.
 */
static void set_cache_leaf(struct kvm_cpuid2 *cpuid, uint32_t function, bool intel,
			   const struct cpuid_config *config)
{
	const unsigned ids = 1u << id_bits(config->nr_cpus);
	const unsigned sharing = ids - 1 < 0xfff ? ids - 1 : 0xfff;
	const unsigned cores = ids - 1 < 0x3f ? ids - 1 : 0x3f;

	for (uint32_t i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];
		unsigned level = (entry->eax >> 5) & 7;

		if (entry->function != function || !(entry->eax & 0x1f))
			continue; /* type 0: no more caches */
		entry->eax &= intel ? 0x00003fff : 0xfc003fff;
		if (level >= 3)
			entry->eax |= sharing << 14;
		if (intel)
			entry->eax |= cores << 26;
	}
}

static void append_topology(struct kvm_cpuid2 *cpuid, uint32_t function,
			    const struct cpuid_config *config)
{
	const struct {
		unsigned shift, count, type;
	} levels[] = {
		{ 0, 1, LEVEL_SMT },
		{ id_bits(config->nr_cpus), config->nr_cpus, LEVEL_CORE },
		{ 0, 0, 0 },
	};

	for (uint32_t i = 0; i < 3; i++) {
		cpuid->entries[cpuid->nent++] = (struct kvm_cpuid_entry2){
			.function = function,
			.index = i,
			.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
			.eax = levels[i].shift,
			.ebx = levels[i].count & 0xffff,
			.ecx = i | levels[i].type << 8,
			.edx = config->cpu,
		};
	}
}

static void set_extended_topology(struct kvm_cpuid2 *cpuid,
				  const struct cpuid_config *config)
{
	struct kvm_cpuid_entry2 *leaf0 = cpuid_find(cpuid, 0, 0);
	bool has_1f = leaf0 && leaf0->eax >= 0x1f;

	if (leaf0 && leaf0->eax < 0xb)
		leaf0->eax = 0xb;
	remove_leaf(cpuid, 0xb);
	remove_leaf(cpuid, 0x1f);
	append_topology(cpuid, 0xb, config);
	if (has_1f)
		append_topology(cpuid, 0x1f, config);
}

static void set_amd_leaves(struct kvm_cpuid2 *cpuid, const struct cpuid_config *config)
{
	struct kvm_cpuid_entry2 *features = cpuid_find(cpuid, 0x80000001, 0);
	struct kvm_cpuid_entry2 *sizes = cpuid_find(cpuid, 0x80000008, 0);
	struct kvm_cpuid_entry2 *ids = cpuid_find(cpuid, 0x8000001e, 0);
	unsigned last = config->nr_cpus - 1;

	if (features && config->nr_cpus > 1)
		features->ecx |= LEAF80000001_ECX_CMP_LEGACY;
	if (sizes) {
		/* ECX: 7:0 cores less one, 15:12 bits of the APIC ID that number them. */
		sizes->ecx &= ~0xf0ffu;
		sizes->ecx |= last < 255 ? last : 255;
		sizes->ecx |= (id_bits(config->nr_cpus) & 0xf) << 12;
	}
	if (ids) {
		ids->eax = config->cpu;        /* extended APIC ID */
		ids->ebx = config->cpu & 0xff; /* core ID; 15:8: one thread per core */
		ids->ecx = 0;                  /* one node */
	}
}

#define HYPERVISOR_BASE        0x40000000u
#define HYPERVISOR_FREQUENCIES 0x40000010u
#define APIC_BUS_KHZ           1000000u /* KVM's: one tick is a nanosecond */

static void add_frequencies(struct kvm_cpuid2 *cpuid, const struct cpuid_config *config)
{
	struct kvm_cpuid_entry2 *base = cpuid_find(cpuid, HYPERVISOR_BASE, 0);

	if (!base || !config->tsc_khz || base->eax >= HYPERVISOR_FREQUENCIES)
		return;
	base->eax = HYPERVISOR_FREQUENCIES;
	cpuid->entries[cpuid->nent++] = (struct kvm_cpuid_entry2){
		.function = HYPERVISOR_FREQUENCIES,
		.eax = config->tsc_khz,
		.ebx = APIC_BUS_KHZ,
	};
}

/* Does the vendor string say that AMD's leaves hold (AMD, Hygon)? */
static bool is_amd(struct kvm_cpuid2 *cpuid)
{
	const struct kvm_cpuid_entry2 *leaf0 = cpuid_find(cpuid, 0, 0);

	return leaf0 && (leaf0->ebx == 0x68747541 /* Auth */ ||
			 leaf0->ebx == 0x6f677948 /* Hygo */);
}

struct kvm_cpuid2 *cpuid_build(const struct kvm_cpuid2 *supported,
			       const struct cpuid_config *config, struct err *err)
{
	const size_t n = supported->nent + EXTRA_ENTRIES;
	struct kvm_cpuid2 *cpuid =
		calloc(1, sizeof(*cpuid) + n * sizeof(cpuid->entries[0]));

	if (!cpuid) {
		err_set(err, "no memory for %zu CPUID entries", n);
		return NULL;
	}
	cpuid->nent = supported->nent;
	memcpy(cpuid->entries, supported->entries,
	       supported->nent * sizeof(cpuid->entries[0]));
	set_leaf_1(cpuid, config);
	if (is_amd(cpuid)) {
		set_amd_leaves(cpuid, config);
		set_cache_leaf(cpuid, 0x8000001d, false, config);
	} else {
		set_cache_leaf(cpuid, 4, true, config);
	}
	set_extended_topology(cpuid, config);
	add_frequencies(cpuid, config);
	return cpuid;
}
