/* SPDX-License-Identifier: BSD-2-Clause */
/* CPUID: the topology that each vCPU shows, on an Intel and on an AMD host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86_64/cpuid.h"

#define MAX 16

static struct kvm_cpuid2 *host;

static void add(uint32_t function, uint32_t index, uint32_t eax, uint32_t ebx,
		uint32_t ecx, uint32_t edx)
{
	assert_true(host->nent < MAX);
	host->entries[host->nent++] = (struct kvm_cpuid_entry2){
		.function = function,
		.index = index,
		.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
		.eax = eax,
		.ebx = ebx,
		.ecx = ecx,
		.edx = edx,
	};
}

static void make_host(uint32_t vendor, uint32_t max_leaf)
{
	host = calloc(1, sizeof(*host) + MAX * sizeof(host->entries[0]));
	assert_non_null(host);
	add(0, 0, max_leaf, vendor, 0, 0);
	add(1, 0, 0x306c3, 0x07100800, 0x00200000, 0x10000000); /* the host's APIC ID 7 */
	add(4, 0, 0x1c004121, 0, 0, 0);
	add(4, 3, 0x1c03c163, 0, 0, 0);
	add(4, 4, 0, 0, 0, 0);
	add(0xb, 0, 1, 2, 0x100, 7);
	add(0xb, 1, 4, 16, 0x201, 7);
	add(0x40000000, 0, 0x40000001, 0x4b4d564b, 0x564b4d56, 0x4d);
	add(0x80000001, 0, 0, 0, 0, 0);
	add(0x80000008, 0, 0x3030, 0, 0x0003700f, 0);
	add(0x8000001d, 0, 0x0001c121, 0, 0, 0);
	add(0x8000001d, 3, 0x0001c163, 0, 0, 0);
	add(0x8000001e, 0, 7, 0x103, 2, 0);
}

static int teardown(void **state)
{
	(void)state;
	free(host);
	return 0;
}

static struct kvm_cpuid2 *build(unsigned cpu, unsigned nr_cpus)
{
	const struct cpuid_config config = {
		.cpu = cpu, .nr_cpus = nr_cpus, .tsc_deadline = true, .tsc_khz = 2500000
	};
	struct err err;
	struct kvm_cpuid2 *guest = cpuid_build(host, &config, &err);

	assert_non_null(guest);
	return guest;
}

static void test_apic_ids(void **state)
{
	(void)state;
	make_host(0x756e6547, 0x1f); /* Genu */
	for (unsigned cpu = 0; cpu < 6; cpu++) {
		struct kvm_cpuid2 *guest = build(cpu, 6);
		const struct kvm_cpuid_entry2 *one = cpuid_find(guest, 1, 0);

		assert_int_equal(one->ebx >> 24, cpu);
		assert_int_equal(one->ebx >> 16 & 0xff, 8); /* room for six cores */
		assert_int_equal(one->ebx & 0xffff, 0x0800);
		assert_true(one->edx & 1u << 28);
		assert_true(one->ecx & 1u << 31);
		assert_true(one->ecx & 1u << 24);
		for (uint32_t leaf = 0xb; leaf <= 0x1f; leaf += 0x14) {
			assert_int_equal(cpuid_find(guest, leaf, 0)->edx, cpu);
			assert_int_equal(cpuid_find(guest, leaf, 0)->eax, 0);
			assert_int_equal(cpuid_find(guest, leaf, 0)->ebx, 1);
			assert_int_equal(cpuid_find(guest, leaf, 0)->ecx, 0x100);
			assert_int_equal(cpuid_find(guest, leaf, 1)->eax, 3);
			assert_int_equal(cpuid_find(guest, leaf, 1)->ebx, 6);
			assert_int_equal(cpuid_find(guest, leaf, 1)->ecx, 0x201);
			assert_int_equal(cpuid_find(guest, leaf, 2)->ecx, 2);
		}
		free(guest);
	}
}

static void test_one_cpu(void **state)
{
	struct kvm_cpuid2 *guest;

	(void)state;
	make_host(0x756e6547, 0xd);
	guest = build(0, 1);
	assert_false(cpuid_find(guest, 1, 0)->edx & 1u << 28); /* HTT */
	assert_int_equal(cpuid_find(guest, 0xb, 1)->ebx, 1);
	assert_null(cpuid_find(guest, 0x1f, 0)); /* the host has none */
	assert_int_equal(cpuid_find(guest, 4, 0)->eax, 0x121);
	free(guest);
}

static void test_intel_caches(void **state)
{
	struct kvm_cpuid2 *guest;

	(void)state;
	make_host(0x756e6547, 0xd);
	guest = build(1, 4);
	/* L1: nobody shares; L3: all four; 31:26 is the cores of the package less one. */
	assert_int_equal(cpuid_find(guest, 4, 0)->eax, 3u << 26 | 0x121);
	assert_int_equal(cpuid_find(guest, 4, 3)->eax, 3u << 26 | 3 << 14 | 0x163);
	assert_int_equal(cpuid_find(guest, 4, 4)->eax, 0);
	free(guest);
}

static void test_amd(void **state)
{
	struct kvm_cpuid2 *guest;

	(void)state;
	make_host(0x68747541, 0xd); /* Auth */
	guest = build(2, 4);
	assert_int_equal(cpuid_find(guest, 0x80000008, 0)->ecx, 0x00032003);
	assert_int_equal(cpuid_find(guest, 0x8000001e, 0)->eax, 2);
	assert_int_equal(cpuid_find(guest, 0x8000001e, 0)->ebx, 2);
	assert_int_equal(cpuid_find(guest, 0x8000001e, 0)->ecx, 0);
	assert_int_equal(cpuid_find(guest, 0x8000001d, 0)->eax, 0x121);
	assert_int_equal(cpuid_find(guest, 0x8000001d, 3)->eax, 3 << 14 | 0x163);
	assert_true(cpuid_find(guest, 0x80000001, 0)->ecx & 2);
	free(guest);
}

static void test_old_host_gets_leaf_b(void **state)
{
	struct kvm_cpuid2 *guest;

	(void)state;
	make_host(0x756e6547, 5);
	guest = build(300, 400);
	assert_int_equal(cpuid_find(guest, 0, 0)->eax, 0xb);
	assert_int_equal(cpuid_find(guest, 0xb, 0)->edx,
			 300); /* x2APIC IDs have 32 bits */
	assert_int_equal(cpuid_find(guest, 0xb, 1)->eax, 9);
	assert_int_equal(cpuid_find(guest, 1, 0)->ebx >> 16 & 0xff, 255);
	free(guest);
}

static void test_hypervisor_leaves_pass(void **state)
{
	struct kvm_cpuid2 *guest;

	(void)state;
	make_host(0x756e6547, 0xd);
	guest = build(0, 2);
	assert_int_equal(cpuid_find(guest, 0x40000000, 0)->ebx, 0x4b4d564b);
	/* The frequencies, in kHz, and the last leaf says that they are there. */
	assert_int_equal(cpuid_find(guest, 0x40000000, 0)->eax, 0x40000010);
	assert_int_equal(cpuid_find(guest, 0x40000010, 0)->eax, 2500000);
	assert_int_equal(cpuid_find(guest, 0x40000010, 0)->ebx, 1000000);
	free(guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_apic_ids, teardown),
		cmocka_unit_test_teardown(test_one_cpu, teardown),
		cmocka_unit_test_teardown(test_intel_caches, teardown),
		cmocka_unit_test_teardown(test_amd, teardown),
		cmocka_unit_test_teardown(test_old_host_gets_leaf_b, teardown),
		cmocka_unit_test_teardown(test_hypervisor_leaves_pass, teardown),
	};

	return cmocka_run_group_tests_name("cpuid", tests, NULL, NULL);
}
