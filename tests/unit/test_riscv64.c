/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device tree of a riscv64 machine, all of it: what dt_fdt.c and dt_chips.c write for
 * every ISA, and harts and interrupt controllers. It needs no KVM, so it runs on every
 * host. dtc judges the trees.
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

#include "arch/dt_chips.h"
#include "arch/dt_isa.h"
#include "dtb_check.h"
#include "arch/riscv64/cpu.h"
#include "arch/riscv64/isa.h"

#define MAX_CPUS 130
#define RAM      (1024ull << 20)
#define EXT(n)   (1ull << (n))

struct rig {
	struct vm_config config;
	struct loop loop;
	struct vm vm;
	struct machine machine;
	struct isa isa;
	struct vcpu vcpus[MAX_CPUS];
	struct vcpu_arch archs[MAX_CPUS];
	struct loader loader;
};

/* rv64imac, and sstc (8), zbb (13), zawrs (61) of KVM's numbering. */
static const struct cpu_features features = {
	.isa = 1 << ('i' - 'a') | 1 << ('m' - 'a') | 1 << 0 | 1 << ('c' - 'a'),
	.extensions = EXT(8) | EXT(13) | EXT(61),
	.timebase = 10000000,
	.cbom_block_size = 64,
	.satp_mode = 9,
};

static void set_irq(struct vm *vm, unsigned irq, bool level)
{
	(void)vm;
	(void)irq;
	(void)level;
}

static struct rig *make(unsigned cpus, bool has_plic, enum virtio_transport transport)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct err err = { "" };

	assert_non_null(rig);
	config_init(&rig->config);
	rig->config.cpus = cpus;
	rig->config.memory = RAM;
	rig->config.virtio = transport;
	rig->config.debug_exit = true;
	rig->vm.config = &rig->config;
	rig->vm.machine = &rig->machine;
	rig->vm.vcpus = rig->vcpus;
	rig->vm.nr_vcpus = cpus;
	rig->vm.loop = &rig->loop;
	for (unsigned i = 0; i < cpus; i++) {
		rig->archs[i].features = features;
		rig->vcpus[i].arch = &rig->archs[i];
		rig->vcpus[i].index = i;
	}
	rig->machine.isa = &rig->isa;
	rig->machine.has_msi = !has_plic;
	rig->isa.has_plic = has_plic;
	rig->isa.aia.nr_ids = 255;
	rig->machine.common.virtio.count = 2;
	rig->machine.has_pci = transport == VIRTIO_PCI;
	rig->machine.pci.mem32 = (struct pci_window){ .base = dt_layout.pci_mem32,
						      .size = dt_layout.pci_mem32_size };
	rig->machine.pci.mem64 = machine_high_window(dt_layout.ram + RAM, 41);
	snprintf(rig->loader.cmdline, sizeof(rig->loader.cmdline), "console=ttyS0 quiet");
	rig->loader.modules[0] =
		(struct boot_module){ .gpa = 0x9fff0000, .size = 0x1234 };
	rig->loader.nr_modules = 1;
	assert_int_equal(loop_init(&rig->loop, &err), 0);
	bus_init(&rig->vm.bus);
	machine_common_init(&rig->vm, set_irq);
	assert_int_equal(dt_chips_build(&rig->vm, &err), 0);
	if (dt_fdt_build(&rig->vm, &rig->loader, &err))
		fail_msg("%s", err.text);
	return rig;
}

static void destroy(struct rig *rig)
{
	dt_chips_destroy(&rig->vm);
	machine_common_destroy(&rig->vm);
	bus_destroy(&rig->vm.bus);
	loop_destroy(&rig->loop);
	free(rig->machine.fdt);
	free(rig);
}

static const void *property(const struct rig *rig, const char *path, const char *name,
			    int *size)
{
	const void *fdt = rig->machine.fdt;
	const int node = fdt_path_offset(fdt, path);
	const void *value = node < 0 ? NULL : fdt_getprop(fdt, node, name, size);

	if (!value)
		fail_msg("no %s in %s", name, path);
	return value;
}

static uint32_t cell(const struct rig *rig, const char *path, const char *name,
		     unsigned index)
{
	int size;
	const fdt32_t *cells = property(rig, path, name, &size);

	if (size < (int)(4 * (index + 1)))
		fail_msg("%s: %s has less than %u cells", path, name, index + 1);
	return fdt32_to_cpu(cells[index]);
}

static bool has_node(const struct rig *rig, const char *path)
{
	return fdt_path_offset(rig->machine.fdt, path) >= 0;
}

static void test_all_trees_please_dtc(void **state)
{
	static const unsigned cpus[] = { 1, 2, 4, MAX_CPUS };

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		for (unsigned kind = 0; kind < 4; kind++) {
			struct rig *rig = make(cpus[i], kind & 1,
					       kind & 2 ? VIRTIO_MMIO : VIRTIO_PCI);

			assert_int_equal(
				fdt_check_full(rig->machine.fdt, rig->machine.fdt_size),
				0);
			assert_dtc_is_content(rig->machine.fdt, rig->machine.fdt_size);
			destroy(rig);
		}
	}
}

static void test_harts(void **state)
{
	static const char list[] = "i\0m\0a\0c\0sstc\0zbb\0zawrs";
	struct rig *rig = make(3, false, VIRTIO_PCI);
	const char *hart = "/cpus/cpu@2";
	const void *value;
	int size;

	(void)state;
	assert_int_equal(cell(rig, "/cpus", "timebase-frequency", 0), 10000000);
	assert_int_equal(cell(rig, hart, "reg", 0), 2);
	assert_string_equal(property(rig, hart, "riscv,isa", &size),
			    "rv64imac_sstc_zbb_zawrs");
	assert_string_equal(property(rig, hart, "riscv,isa-base", &size), "rv64i");
	value = property(rig, hart, "riscv,isa-extensions", &size);
	assert_int_equal(size, sizeof(list));
	assert_memory_equal(value, list, sizeof(list));
	assert_string_equal(property(rig, hart, "mmu-type", &size), "riscv,sv48");
	assert_int_equal(cell(rig, hart, "riscv,cbom-block-size", 0), 64);
	assert_false(has_node(rig, "/cpus/cpu@3"));
	destroy(rig);
}

static void test_trees_fit_the_schemas(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		struct rig *rig = make(3, kind & 1, kind & 2 ? VIRTIO_MMIO : VIRTIO_PCI);

		assert_schemas_are_content(rig->machine.fdt, rig->machine.fdt_size);
		destroy(rig);
	}
}

/* The root must not be its harts' interrupt parent: Linux would find no controller. */
static void test_root_has_no_interrupt_parent(void **state)
{
	struct rig *rig = make(1, false, VIRTIO_PCI);

	(void)state;
	assert_null(fdt_getprop(rig->machine.fdt, 0, "interrupt-parent", NULL));
	destroy(rig);
}

static void test_aia(void **state)
{
	struct rig *rig = make(5, false, VIRTIO_PCI);
	const char *imsics = "/interrupt-controller@28000000";
	const char *aplic = "/interrupt-controller@d000000";

	(void)state;
	assert_int_equal(cell(rig, imsics, "riscv,num-ids", 0), 255);
	assert_int_equal(cell(rig, imsics, "riscv,hart-index-bits", 0), 3);
	assert_int_equal(cell(rig, imsics, "reg", 3), 5 * 0x1000);
	assert_int_equal(cell(rig, imsics, "interrupts-extended", 8),
			 cell(rig, "/cpus/cpu@4/interrupt-controller", "phandle", 0));
	assert_int_equal(cell(rig, imsics, "interrupts-extended", 9), 9);
	assert_int_equal(cell(rig, aplic, "msi-parent", 0),
			 cell(rig, imsics, "phandle", 0));
	assert_int_equal(cell(rig, "/serial@10000000", "interrupt-parent", 0),
			 cell(rig, aplic, "phandle", 0));
	assert_int_equal(cell(rig, "/serial@10000000", "interrupts", 0), DT_IRQ_UART);
	assert_int_equal(cell(rig, "/serial@10000000", "interrupts", 1), 4);
	assert_int_equal(cell(rig, "/pcie@30000000", "msi-parent", 0),
			 cell(rig, imsics, "phandle", 0));
	destroy(rig);
}

static void test_plic(void **state)
{
	struct rig *rig = make(2, true, VIRTIO_PCI);
	const char *plic = "/interrupt-controller@c000000";
	int size;

	(void)state;
	assert_int_equal(cell(rig, plic, "riscv,ndev", 0), DT_NR_IRQS - 1);
	property(rig, plic, "interrupts-extended", &size);
	assert_int_equal(size, 2 * 2 * 4);
	property(rig, "/serial@10000000", "interrupts", &size);
	assert_int_equal(size, 4);
	/* Nobody takes messages: devices of PCI have their wires. */
	assert_null(fdt_getprop(rig->machine.fdt,
				fdt_path_offset(rig->machine.fdt, "/pcie@30000000"),
				"msi-parent", NULL));
	destroy(rig);
}

/* INTA# of device 1 is on the second wire, as pci_intx_pin() has it. */
static void test_interrupt_map(void **state)
{
	struct rig *rig = make(1, true, VIRTIO_PCI);
	const unsigned row = 6; /* cells, with a PLIC */
	const char *pci = "/pcie@30000000";

	(void)state;
	assert_int_equal(cell(rig, pci, "interrupt-map", 4 * row), 1 << 11);
	assert_int_equal(cell(rig, pci, "interrupt-map", 4 * row + 3), 1);
	assert_int_equal(cell(rig, pci, "interrupt-map", 4 * row + 5), DT_IRQ_PCI + 1);
	assert_int_equal(cell(rig, pci, "interrupt-map", 7 * row + 5), DT_IRQ_PCI);
	destroy(rig);
}

static void test_devices_are_on_one_transport(void **state)
{
	struct rig *rig = make(1, false, VIRTIO_MMIO);

	(void)state;
	assert_true(has_node(rig, "/virtio@10010000"));
	assert_true(has_node(rig, "/virtio@10011000"));
	assert_false(has_node(rig, "/virtio@10012000"));
	assert_false(has_node(rig, "/pcie@30000000"));
	destroy(rig);
	rig = make(1, false, VIRTIO_PCI);
	assert_false(has_node(rig, "/virtio@10010000"));
	assert_true(has_node(rig, "/pcie@30000000"));
	destroy(rig);
}

static void test_chosen_and_chips(void **state)
{
	struct rig *rig = make(1, false, VIRTIO_PCI);
	int size;

	(void)state;
	assert_string_equal(property(rig, "/chosen", "bootargs", &size),
			    "console=ttyS0 quiet");
	assert_string_equal(property(rig, "/aliases", "serial0", &size),
			    "/serial@10000000");
	assert_int_equal(cell(rig, "/memory@80000000", "reg", 3), RAM);
	assert_true(has_node(rig, "/rtc@101000"));
	assert_true(has_node(rig, "/milestone@102000"));
	assert_true(has_node(rig, "/test@100000"));
	assert_int_equal(cell(rig, "/chosen", "linux,initrd-end", 0), 0x9fff1234);
	property(rig, "/chosen", "rng-seed", &size);
	assert_int_equal(size, 32);
	destroy(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_trees_please_dtc),
		cmocka_unit_test(test_trees_fit_the_schemas),
		cmocka_unit_test(test_harts),
		cmocka_unit_test(test_root_has_no_interrupt_parent),
		cmocka_unit_test(test_aia),
		cmocka_unit_test(test_plic),
		cmocka_unit_test(test_interrupt_map),
		cmocka_unit_test(test_devices_are_on_one_transport),
		cmocka_unit_test(test_chosen_and_chips),
	};

	return cmocka_run_group_tests_name("riscv64", tests, NULL, NULL);
}
