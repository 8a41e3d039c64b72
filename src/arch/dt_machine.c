/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine that describes itself by a device tree: riscv64's and arm64's.
 *
 * All of it is on MMIO, at the places that the ISA's dt_layout names: UARTs, a real-time
 * clock, virtio devices on MMIO or PCI. The ISA adds what it alone has: CPUs, their
 * timer and the interrupt controllers (dt_isa.h). dt_fdt.c writes all of it down for
 * the kernel.
 *
 *	RAM begins at dt_layout.ram, in one piece. From below:
 *		the kernel, as low as its Image allows
 *		the initrd, as high as it may be
 *		the device tree, in the last 2 MiB
 */
#include <stdlib.h>
#include <string.h>

#include "arch/dt_chips.h"
#include "arch/dt_isa.h"
#include "util/bytes.h"
#include "virtio/transport.h"

_Static_assert(offsetof(struct machine, common) == 0, "see machine_common()");
_Static_assert(DT_NR_IRQS <= WIRES_MAX_PINS, "each irq is a pin");

/* booting.rst of arm64: no larger, and not across a boundary of this size. */
#define FDT_ROOM (2ull << 20)

const bool arch_has_screen = false;

int arch_validate(const struct vm_config *config, struct err *err)
{
	if (config->rom)
		return err_set(err,
			       "--rom is real-mode code of x86; this tane runs %s "
			       "guests",
			       arch_name);
	if (config->nr_floppies)
		return err_set(err, "--floppy: only PCs have floppy drives; this is %s",
			       arch_name);
	if (config->firmware)
		return err_set(err,
			       "firmware (--bios, or a disk and no kernel) is for PCs; "
			       "%s guests boot a kernel (-k FILE)",
			       arch_name);
	if (config->screen)
		return err_set(
			err,
			"--display and --screen-dump are for PCs; %s guests have no "
			"screen",
			arch_name);
	if (config_count_disks(config, DISK_IDE))
		return err_set(err,
			       "IDE drives (if=ide, --cdrom) are for PCs; %s guests have "
			       "virtio disks",
			       arch_name);
	if (config->protocol != BOOT_AUTO && config->protocol != BOOT_LINUX)
		return err_set(err, "--boot %s: %s kernels are Images of Linux",
			       boot_protocol_name(config->protocol), arch_name);
	if (config->memory < 2 * FDT_ROOM)
		return err_set(err, "--mem: %llu KiB: a kernel needs at least 4 MiB here",
			       (unsigned long long)(config->memory >> 10));
	return isa_validate(config, err);
}

int machine_vm_type(const struct vm *vm, unsigned long *type, struct err *err)
{
	return isa_vm_type(vm, type, err);
}

static uint64_t ram_end(const struct vm *vm)
{
	return dt_layout.ram + vm->config->memory;
}

static int add_ram(struct vm *vm, struct err *err)
{
	const uint64_t ram = vm->config->memory;
	const unsigned bits = isa_address_bits(vm);
	char size[CONFIG_SIZE_TEXT];

	if (ram > (1ull << bits) - dt_layout.ram)
		return err_set(err, "--mem %s is more than a guest can address (%u bits)",
			       config_size(ram, size), bits);
	return machine_add_ram(vm, dt_layout.ram, ram, err);
}

static int build_serials(struct vm *vm, struct err *err)
{
	struct machine_common *common = machine_common(vm);

	for (unsigned i = 0; i < CONFIG_MAX_UARTS; i++) {
		const uint64_t base = dt_layout.uarts + i * dt_layout.uart_stride;
		struct irq_line irq;

		if (vm->config->serials[i].kind == SERIAL_ABSENT)
			continue;
		irq = wires_connect(&common->wires, DT_IRQ_UART + i);
		if (serial_init(&common->serials[i], vm, i, dt_layout.uart_model,
				BUS_MMIO, base, &irq, err))
			return -1;
	}
	return machine_build_output(vm, err);
}

static int build_pci(struct vm *vm, struct err *err)
{
	struct machine *machine = vm->machine;
	const struct pci_window none = { 0 };
	const struct pci_window mem32 = { .base = dt_layout.pci_mem32,
					  .size = dt_layout.pci_mem32_size };
	const struct pci_window mem64 =
		machine_high_window(ram_end(vm), isa_address_bits(vm));
	const struct bus_range ecam = {
		.base = dt_layout.ecam,
		.size = PCI_ECAM_SIZE,
		.name = "pci-ecam",
		.ops = &pci_ecam,
		.dev = &machine->pci,
	};
	struct irq_line intx[4];

	for (unsigned i = 0; i < 4; i++)
		intx[i] = wires_connect(&machine->common.wires, DT_IRQ_PCI + i);
	machine->has_pci = true;
	if (pci_bus_init(&machine->pci, &machine->common.platform, &none, &mem32, &mem64,
			 intx, err))
		return -1;
	for (unsigned i = 0; i < 4; i++)
		machine->pci.interrupt_lines[i] = (uint8_t)(DT_IRQ_PCI + i);
	return bus_add(&vm->bus, BUS_MMIO, &ecam, err);
}

static void init_virtio_places(struct machine_common *common)
{
	struct virtio_mmio_places *places = &common->virtio_places;

	places->base = dt_layout.virtio_mmio;
	places->stride = dt_layout.virtio_stride;
	places->count = VIRTIO_MAX_DEVICES;
	for (unsigned i = 0; i < VIRTIO_MAX_DEVICES; i++) {
		places->gsis[i] = DT_IRQ_VIRTIO + i;
		places->irqs[i] = wires_connect(&common->wires, places->gsis[i]);
	}
}

static int build_virtio(struct vm *vm, struct err *err)
{
	struct machine *machine = vm->machine;
	struct machine_common *common = &machine->common;
	const bool on_pci = vm->config->virtio == VIRTIO_PCI;

	if (on_pci && build_pci(vm, err))
		return -1;
	init_virtio_places(common);
	return virtio_devices_build(&common->virtio, vm, &common->platform,
				    on_pci ? &machine->pci : NULL,
				    on_pci ? NULL : &common->virtio_places, err);
}

int machine_build(struct vm *vm, struct err *err)
{
	vm->machine = calloc(1, sizeof(*vm->machine));
	if (!vm->machine)
		return err_set(err, "no memory for the machine");
	machine_common_init(vm, isa_set_irq);
	return add_ram(vm, err) || isa_build(vm, err) || build_serials(vm, err) ||
			       dt_chips_build(vm, err) || build_virtio(vm, err)
		       ? -1
		       : 0;
}

int machine_complete(struct vm *vm, struct err *err)
{
	return isa_complete(vm, err);
}

void machine_destroy(struct vm *vm)
{
	struct machine *machine = vm->machine;

	if (!machine)
		return;
	/* The host still reads or writes guest memory: leave it mapped until we are gone. */
	if (!virtio_devices_destroy(&machine->common.virtio))
		vm->memory.nr_regions = 0;
	if (machine->has_pci)
		pci_bus_destroy(&machine->pci);
	dt_chips_destroy(vm);
	isa_destroy(vm);
	machine_common_destroy(vm);
	free(machine->fdt);
	free(machine);
	vm->machine = NULL;
}

/* The last 2 MiB of RAM are the device tree's. */
static void init_loader(struct loader *loader, struct vm *vm)
{
	const uint64_t end = align_down(ram_end(vm) - FDT_ROOM, FDT_ROOM);

	loader->vm = vm;
	loader->target = (struct boot_target){
		.isa = isa_kernels,
		.ram_base = dt_layout.ram,
		.ram_size = end - dt_layout.ram,
	};
	loader->map[loader->nr_map++] = (struct boot_memory){
		.base = dt_layout.ram,
		.size = end - dt_layout.ram,
		.type = BOOT_MEMORY_RAM,
	};
	loader->tty = isa_tty;
	vm->machine->fdt_gpa = end;
}

static int put_fdt(struct vm *vm, const struct loader *loader, struct err *err)
{
	struct machine *machine = vm->machine;

	free(machine->fdt);
	machine->fdt = NULL;
	if (dt_fdt_build(vm, loader, err))
		return -1;
	if (machine->fdt_size > FDT_ROOM)
		return err_set(err,
			       "the device tree has %zu bytes, kernels take 2 MiB: "
			       "use fewer CPUs (--cpus)",
			       machine->fdt_size);
	return loader_put(loader, machine->fdt_gpa, machine->fdt, machine->fdt_size, err);
}

static int check_cmdline(const struct loader *loader, struct err *err)
{
	const size_t length = strlen(loader->cmdline);

	if (length > loader->kernel.cmdline_size)
		return err_set(
			err,
			"--params: the command line has %zu bytes, this kernel takes "
			"%u",
			length, loader->kernel.cmdline_size);
	return 0;
}

/* In order: the kernel, the initrd, and the tree, which tells where that is. */
static int load_steps(struct loader *loader, struct err *err)
{
	struct vm *vm = loader->vm;

	if (loader_load_kernel(loader, err) || loader_load_initrds(loader, err) ||
	    loader_build_cmdline(loader, NULL, err) || check_cmdline(loader, err) ||
	    put_fdt(vm, loader, err))
		return -1;
	vm->machine->entry = loader->kernel.entry;
	return 0;
}

int machine_load(struct vm *vm, struct err *err)
{
	struct loader *loader = calloc(1, sizeof(*loader));
	int r;

	if (!loader)
		return err_set(err, "no memory to load the kernel");
	init_loader(loader, vm);
	r = load_steps(loader, err);
	loader_release(loader);
	free(loader);
	return r;
}

/* Devices first: they lower their lines, then the controllers forget them. */
int machine_reset(struct vm *vm, struct err *err)
{
	struct machine *machine = vm->machine;

	machine_reset_serials(vm);
	dt_chips_reset(vm);
	if (machine_quiet_devices(vm, err))
		return -1;
	if (machine->has_pci)
		pci_bus_reset(&machine->pci);
	if (isa_reset(vm, err))
		return -1;
	return vcpus_call(vm, isa_vcpu_reset, MACHINE_RESET_TIMEOUT_MS, err);
}

bool machine_power_button(struct vm *vm)
{
	return dt_chips_press_button(vm);
}

int machine_send_keys(struct vm *vm, const char *text, struct err *err)
{
	(void)vm;
	(void)text;
	return err_set(err, "keys: this machine has no keyboard");
}

bool machine_screen(struct vm *vm, struct text_screen *screen)
{
	(void)vm;
	(void)screen;
	return false;
}

int machine_dump_dtb(const struct vm *vm, const char *path, struct err *err)
{
	const struct machine *machine = vm->machine;
	FILE *file = fopen(path, "we");
	bool written;

	if (!file)
		return err_errno(err, "--dump-dtb \"%s\"", path);
	written = fwrite(machine->fdt, machine->fdt_size, 1, file) == 1;
	if (fclose(file) || !written)
		return err_errno(err, "--dump-dtb \"%s\"", path);
	return 0;
}
