/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The arm64 part of the device tree, the width of addresses, and what a GICv2 makes of
 * messages: all that needs no KVM, so it runs on every host. dtc judges the trees.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <libfdt.h>

#include "arch/arm64/cpu.h"
#include "arch/arm64/isa.h"
#include "arch/arm64/layout.h"
#include "arch/arm64/translate.h"
#include "arch/dt_isa.h"
#include "dtb_check.h"

#define MAX_CPUS 123

struct rig {
	struct vm_config config;
	struct vm vm;
	struct machine machine;
	struct isa isa;
	struct vcpu vcpus[MAX_CPUS];
	struct vcpu_arch archs[MAX_CPUS];
	uint8_t *fdt;
	size_t size;
};

/* KVM has 16 CPUs to a cluster, so that one SGI can reach them all. */
static uint64_t mpidr_of(unsigned index)
{
	return 1u << 31 | (index >> 4) << 8 | (index & 15);
}

static struct rig *make(unsigned cpus, enum irqchip kind, bool has_msi)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	rig->config.cpus = cpus;
	rig->vm.config = &rig->config;
	rig->vm.machine = &rig->machine;
	rig->vm.vcpus = rig->vcpus;
	rig->machine.isa = &rig->isa;
	rig->machine.has_msi = has_msi;
	rig->isa.gic.kind = kind;
	rig->isa.has_pmu = true;
	for (unsigned i = 0; i < cpus; i++) {
		rig->archs[i].mpidr = mpidr_of(i);
		rig->vcpus[i].arch = &rig->archs[i];
	}
	return rig;
}

/* A root node around it, and a device that has an interrupt and sends messages. */
static void build(struct rig *rig)
{
	const uint64_t ecam[] = { 0x3f000000, 0x100000 };
	uint32_t cells[DT_MAX_IRQ_CELLS];
	struct fdt_writer fdt;
	struct err err = { "" };

	assert_int_equal(fdt_writer_init(&fdt, 0x10000, &err), 0);
	fdt_u32(&fdt, "#address-cells", 2);
	fdt_u32(&fdt, "#size-cells", 2);
	fdt_text(&fdt, "compatible", "tane,test");
	fdt_text(&fdt, "model", "test");
	isa_fdt_cpus(&fdt, &rig->vm);
	isa_fdt_irqchips(&fdt, &rig->vm);
	fdt_node(&fdt, "device@3f000000");
	fdt_reg(&fdt, "reg", ecam, 1);
	fdt_u32(&fdt, "interrupt-parent", DT_PHANDLE_IRQ);
	fdt_cells(&fdt, "interrupts", cells, isa_fdt_irq(&rig->vm, DT_IRQ_RTC, cells));
	if (rig->machine.has_msi)
		isa_fdt_msi(&fdt, &rig->vm);
	fdt_node_end(&fdt);
	if (fdt_writer_finish(&fdt, &rig->fdt, &rig->size, &err))
		fail_msg("%s", err.text);
}

static void destroy(struct rig *rig)
{
	free(rig->fdt);
	free(rig);
}

static uint32_t cell(const struct rig *rig, const char *path, const char *name,
		     unsigned index)
{
	const int node = fdt_path_offset(rig->fdt, path);
	int size;
	const fdt32_t *cells = fdt_getprop(rig->fdt, node, name, &size);

	if (!cells || size < (int)(4 * (index + 1)))
		fail_msg("%s: no %s with %u cells", path, name, index + 1);
	return fdt32_to_cpu(cells[index]);
}

static void assert_compatible(const struct rig *rig, const char *path, const char *what)
{
	const int node = fdt_path_offset(rig->fdt, path);

	assert_true(node >= 0);
	assert_int_equal(fdt_node_check_compatible(rig->fdt, node, what), 0);
}

static void test_all_trees_please_dtc(void **state)
{
	static const unsigned cpus[] = { 1, 2, 8, MAX_CPUS };

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		for (unsigned kind = IRQCHIP_GICV2; kind <= IRQCHIP_GICV3; kind++) {
			for (unsigned has_msi = 0; has_msi < 2; has_msi++) {
				struct rig *rig = make(cpus[i], kind, has_msi);

				if (kind == IRQCHIP_GICV3 || cpus[i] <= GICV2_MAX_CPUS) {
					build(rig);
					assert_dtc_is_content(rig->fdt, rig->size);
				}
				destroy(rig);
			}
		}
	}
}

static void test_cpus(void **state)
{
	struct rig *rig = make(MAX_CPUS, IRQCHIP_GICV3, true);
	char path[64];
	unsigned found = 0;
	int node;

	(void)state;
	build(rig);
	for (unsigned i = 0; i < MAX_CPUS; i++) {
		snprintf(path, sizeof(path), "/cpus/cpu@%x", i >> 4 << 8 | (i & 15));
		assert_int_equal(cell(rig, path, "reg", 1), i >> 4 << 8 | (i & 15));
		assert_string_equal(fdt_getprop(rig->fdt, fdt_path_offset(rig->fdt, path),
						"enable-method", NULL),
				    "psci");
	}
	node = fdt_path_offset(rig->fdt, "/cpus");
	for (node = fdt_first_subnode(rig->fdt, node); node >= 0;
	     node = fdt_next_subnode(rig->fdt, node))
		found++;
	assert_int_equal(found, MAX_CPUS);
	assert_compatible(rig, "/psci", "arm,psci-0.2");
	assert_compatible(rig, "/pmu", "arm,armv8-pmuv3");
	destroy(rig);
}

#define GIC "/interrupt-controller@8000000"

static void test_gicv3(void **state)
{
	struct rig *rig = make(4, IRQCHIP_GICV3, true);

	(void)state;
	build(rig);
	assert_compatible(rig, GIC, "arm,gic-v3");
	assert_int_equal(cell(rig, GIC, "reg", 1), LAYOUT_GICD);
	assert_int_equal(cell(rig, GIC, "reg", 5), LAYOUT_GICR);
	assert_int_equal(cell(rig, GIC, "reg", 7), 4 * LAYOUT_GICR_SIZE);
	assert_compatible(rig, GIC "/msi-controller@8080000", "arm,gic-v3-its");
	/* Every requester ID is the DeviceID. */
	assert_int_equal(cell(rig, "/device@3f000000", "msi-map", 0), 0);
	assert_int_equal(cell(rig, "/device@3f000000", "msi-map", 1), DT_PHANDLE_MSI);
	assert_int_equal(cell(rig, "/device@3f000000", "msi-map", 2), 0);
	/* The virtual timer is PPI 11, and PPIs are the same on all CPUs. */
	assert_int_equal(cell(rig, "/timer", "interrupts", 6), 1);
	assert_int_equal(cell(rig, "/timer", "interrupts", 7), 11);
	assert_int_equal(cell(rig, "/timer", "interrupts", 8), 4);
	destroy(rig);
}

static void test_gicv2(void **state)
{
	struct rig *rig = make(8, IRQCHIP_GICV2, true);

	(void)state;
	build(rig);
	assert_compatible(rig, GIC, "arm,gic-400");
	assert_int_equal(cell(rig, GIC, "reg", 5), LAYOUT_GICC);
	assert_compatible(rig, GIC "/v2m@8020000", "arm,gic-v2m-frame");
	assert_int_equal(cell(rig, "/device@3f000000", "msi-parent", 0), DT_PHANDLE_MSI);
	assert_int_equal(cell(rig, "/timer", "interrupts", 8), 0xff04); /* 8 CPUs */
	destroy(rig);
	rig = make(1, IRQCHIP_GICV2, false);
	build(rig);
	assert_int_equal(cell(rig, "/timer", "interrupts", 8), 0x104);
	assert_true(fdt_path_offset(rig->fdt, GIC "/v2m@8020000") < 0);
	destroy(rig);
}

/* A device's irq n is SPI n, high while it is active. */
static void test_interrupt_of_a_device(void **state)
{
	struct rig *rig = make(1, IRQCHIP_GICV3, false);

	(void)state;
	build(rig);
	assert_int_equal(cell(rig, "/device@3f000000", "interrupts", 0), 0);
	assert_int_equal(cell(rig, "/device@3f000000", "interrupts", 1), DT_IRQ_RTC);
	assert_int_equal(cell(rig, "/device@3f000000", "interrupts", 2), 4);
	destroy(rig);
}

/* RAM must fit; the window may. */
static void test_ipa_bits(void **state)
{
	const uint64_t gib = 1ull << 30;

	(void)state;
	assert_int_equal(isa_choose_ipa_bits(2 * gib, 0, 48), 32);
	assert_int_equal(isa_choose_ipa_bits(4 * gib, 0, 48), 32);
	assert_int_equal(isa_choose_ipa_bits(4 * gib + 1, 0, 48), 33);
	assert_int_equal(isa_choose_ipa_bits(2 * gib, 128 * gib, 48), 37);
	assert_int_equal(isa_choose_ipa_bits(2 * gib, 128 * gib, 37), 37);
	assert_int_equal(isa_choose_ipa_bits(2 * gib, 128 * gib, 36), 32);
	assert_int_equal(isa_choose_ipa_bits(65 * gib, 0, 36), 0);
	assert_int_equal(isa_choose_ipa_bits(64 * gib, 0, 36), 36);
	assert_int_equal(isa_choose_ipa_bits(~0ull, ~0ull, 48), 0);
}

/* A message to the frame is an SPI for KVM; one to anywhere else leads nowhere. */
static void test_v2m_routes(void **state)
{
	struct rig *rig = make(1, IRQCHIP_GICV2, true);
	struct msi msi = { .gsi = 7, .address = LAYOUT_V2M + 0x40, .data = 100 };
	struct kvm_irq_routing_entry route = { .gsi = 7, .type = KVM_IRQ_ROUTING_MSI };

	(void)state;
	gic_v2m_init(&rig->isa.gic.v2m, GIC_FIRST_V2M_SPI, 16, NULL, NULL);
	assert_true(gicv2_route_msi(&rig->vm, &msi, &route));
	assert_int_equal(route.type, KVM_IRQ_ROUTING_IRQCHIP);
	assert_int_equal(route.gsi, 7);
	assert_int_equal(route.u.irqchip.pin, 100 - 32);
	msi.data = GIC_FIRST_V2M_SPI - 1; /* a device's own */
	assert_false(gicv2_route_msi(&rig->vm, &msi, &route));
	msi.data = GIC_FIRST_V2M_SPI + 16;
	assert_false(gicv2_route_msi(&rig->vm, &msi, &route));
	msi.data = GIC_FIRST_V2M_SPI;
	msi.address += 1ull << 32;
	assert_false(gicv2_route_msi(&rig->vm, &msi, &route));
	destroy(rig);
}

static void test_its_knows_the_sender(void **state)
{
	struct msi msi = { .gsi = 7, .address = 0x8090040, .requester_id = 3 << 3 | 1 };
	struct kvm_irq_routing_entry route = { .gsi = 7, .type = KVM_IRQ_ROUTING_MSI };

	(void)state;
	assert_true(gicv3_route_msi(NULL, &msi, &route));
	assert_int_equal(route.flags, KVM_MSI_VALID_DEVID);
	assert_int_equal(route.u.msi.devid, 3 << 3 | 1);
}

/* -- translation tables -- */

#define RAM  0x40000000ull
#define SIZE 0x400000ull

static void put(struct memory *memory, uint64_t gpa, uint64_t descriptor)
{
	assert_true(memory_write(memory, gpa, &descriptor, sizeof(descriptor)));
}

static void assert_physical(const struct arm64_mmu *mmu, const struct memory *memory,
			    uint64_t virtual, uint64_t expected)
{
	uint64_t physical = 0;

	assert_true(arm64_translate(mmu, memory, virtual, &physical));
	assert_int_equal(physical, expected);
}

/* As Linux has it on hosts with 48 bits: 4 KiB, four levels, its text in the upper half. */
static void test_translation_4k(void **state)
{
	const struct arm64_mmu mmu = {
		.sctlr = 1,
		.tcr = 2ull << 30 | 16 << 16 | 25, /* TG1 4 KiB, T1SZ 16, T0SZ 25 */
		.ttbr0 = RAM + 0x4000,
		.ttbr1 = 0x5ull << 48 | RAM | 1, /* with an ASID, and CnP */
	};
	const uint64_t kernel = 0xffff800008010123ull;
	struct memory memory = { 0 };
	struct err err;
	uint64_t physical;

	(void)state;
	assert_int_equal(memory_add_ram(&memory, RAM, SIZE, &err), 0);
	put(&memory, RAM + 8 * 0x100, (RAM + 0x1000) | 3);
	put(&memory, RAM + 0x1000, (RAM + 0x2000) | 3);
	put(&memory, RAM + 0x2000 + 8 * 0x40, (RAM + 0x3000) | 3);
	put(&memory, RAM + 0x3000 + 8 * 0x10, 0x0040000012345703ull);
	assert_physical(&mmu, &memory, kernel, 0x12345123);
	/* A tag in the upper byte, with bit 55 as it was. */
	assert_physical(&mmu, &memory, (kernel & ~(0xffull << 56)) | 0x5aull << 56,
			0x12345123);
	assert_false(arm64_translate(&mmu, &memory, kernel + 0x1000, &physical));
	assert_false(arm64_translate(&mmu, &memory, kernel & ~(1ull << 50), &physical));
	/* The lower half has 39 bits, and a block of 1 GiB there. */
	put(&memory, RAM + 0x4000 + 8, 0x40000000ull | 1);
	assert_physical(&mmu, &memory, 0x4abcdef0, 0x4abcdef0);
	assert_false(arm64_translate(&mmu, &memory, 1ull << 39, &physical));
	/* Type "block" is reserved at the last level. */
	put(&memory, RAM + 0x3000 + 8 * 0x10, 0x12345701ull);
	assert_false(arm64_translate(&mmu, &memory, kernel, &physical));
	memory_destroy(&memory);
}

/* 64 KiB: two levels for 42 bits. A table that is not in RAM ends the walk. */
static void test_translation_64k(void **state)
{
	const struct arm64_mmu mmu = {
		.sctlr = 1,
		.tcr = 1 << 14 | 22, /* TG0 64 KiB, T0SZ 22 */
		.ttbr0 = RAM,
	};
	struct memory memory = { 0 };
	struct err err;
	uint64_t physical;

	(void)state;
	assert_int_equal(memory_add_ram(&memory, RAM, SIZE, &err), 0);
	put(&memory, RAM, (RAM + 0x10000) | 3);
	put(&memory, RAM + 0x10000 + 8 * 2, 0x55550000ull | 3);
	put(&memory, RAM + 8, 0x90000000ull | 3);
	assert_physical(&mmu, &memory, 0x2fffe, 0x5555fffe);
	assert_false(arm64_translate(&mmu, &memory, 1 << 29, &physical));
	memory_destroy(&memory);
}

static void test_no_translation(void **state)
{
	const struct arm64_mmu off = { .sctlr = 0x30d00800, .tcr = ~0ull };
	const struct memory memory = { 0 };
	struct arm64_mmu on = { .sctlr = 1 };
	uint64_t physical;

	(void)state;
	assert_physical(&off, &memory, 0x40080004, 0x40080004);
	/* Whatever the registers hold, the walk ends. */
	for (unsigned i = 0; i < 64; i++) {
		on.tcr = 1ull << i;
		assert_false(arm64_translate(&on, &memory, 0, &physical));
		assert_false(arm64_translate(&on, &memory, ~0ull, &physical));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_trees_please_dtc),
		cmocka_unit_test(test_cpus),
		cmocka_unit_test(test_gicv3),
		cmocka_unit_test(test_gicv2),
		cmocka_unit_test(test_interrupt_of_a_device),
		cmocka_unit_test(test_ipa_bits),
		cmocka_unit_test(test_v2m_routes),
		cmocka_unit_test(test_its_knows_the_sender),
		cmocka_unit_test(test_translation_4k),
		cmocka_unit_test(test_translation_64k),
		cmocka_unit_test(test_no_translation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
