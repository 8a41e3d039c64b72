/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The DSDT: what a kernel cannot find by itself, written in AML (ACPI 6.3, chapter 5.2.11.1
 * and, for each device, its HID): serial ports, the clock, the windows and interrupts of
 * the PCI host bridge, virtio-mmio devices; with firmware also keyboard, mouse and fw_cfg.
 */
#include "arch/x86_64/acpi_private.h"
#include "arch/x86_64/aml.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/tables.h"
#include "dev/acpi_pm.h"

static void describe_uart(struct aml *aml, unsigned index, uint16_t port, uint8_t irq)
{
	char name[] = "COM0";

	name[3] = (char)('1' + index);
	aml_device(aml, name);
	aml_name(aml, "_HID");
	aml_eisaid(aml, "PNP0501"); /* 16550A */
	aml_name(aml, "_UID");
	aml_integer(aml, index + 1);
	aml_name(aml, "_STA");
	aml_integer(aml, 0xf); /* present, enabled, shown, working */
	aml_name(aml, "_CRS");
	aml_resources(aml);
	aml_io(aml, port, 8);
	aml_irq(aml, irq);
	aml_end(aml);
	aml_end(aml);
}

static void describe_rtc(struct aml *aml)
{
	aml_device(aml, "RTC");
	aml_name(aml, "_HID");
	aml_eisaid(aml, "PNP0B00"); /* MC146818 */
	aml_name(aml, "_CRS");
	aml_resources(aml);
	aml_io(aml, PORT_RTC, 2);
	aml_irq(aml, IRQ_RTC);
	aml_end(aml);
	aml_end(aml);
}

static void describe_keyboard_and_mouse(struct aml *aml)
{
	aml_device(aml, "KBD");
	aml_name(aml, "_HID");
	aml_eisaid(aml, "PNP0303"); /* an enhanced keyboard on an 8042 */
	aml_name(aml, "_CRS");
	aml_resources(aml);
	aml_io(aml, PORT_I8042_DATA, 1);
	aml_io(aml, PORT_I8042_COMMAND, 1);
	aml_irq(aml, IRQ_KEYBOARD);
	aml_end(aml);
	aml_end(aml);

	aml_device(aml, "MOU");
	aml_name(aml, "_HID");
	aml_eisaid(aml, "PNP0F13"); /* a PS/2 mouse */
	aml_name(aml, "_CRS");
	aml_resources(aml);
	aml_irq(aml, IRQ_MOUSE);
	aml_end(aml);
	aml_end(aml);
}

static void describe_floppy(struct aml *aml)
{
	aml_device(aml, "FDC0");
	aml_name(aml, "_HID");
	aml_eisaid(aml, "PNP0700"); /* a floppy disk controller */
	aml_name(aml, "_CRS");
	aml_resources(aml);
	aml_io(aml, PORT_FLOPPY, 6);
	aml_io(aml, PORT_FLOPPY_DIR, 1);
	aml_irq(aml, IRQ_FLOPPY);
	aml_dma(aml, DMA_FLOPPY);
	aml_end(aml);
	aml_end(aml);
}

/* One range of ports, which Linux's driver wants. */
static void describe_fw_cfg(struct aml *aml)
{
	aml_device(aml, "FWCF");
	aml_name(aml, "_HID");
	aml_string(aml, "QEMU0002");
	aml_name(aml, "_STA");
	aml_integer(aml, 0xb); /* present, enabled, not shown, working */
	aml_name(aml, "_CRS");
	aml_resources(aml);
	aml_io(aml, PORT_FW_CFG, PORT_FW_CFG_SIZE);
	aml_end(aml);
	aml_end(aml);
}

/* \_S5: the values for SLP_TYP in PM1a and PM1b control, and two reserved ones. */
static void describe_soft_off(struct aml *aml)
{
	aml_name(aml, "\\_S5");
	aml_package(aml, 4);
	aml_integer(aml, ACPI_PM_SLP_TYP_S5);
	aml_integer(aml, 0);
	aml_integer(aml, 0);
	aml_integer(aml, 0);
	aml_end(aml);
}

static void describe_pci_windows(struct aml *aml, const struct tables_config *config)
{
	aml_name(aml, "_CRS");
	aml_resources(aml);
	aml_window(aml, AML_BUS_NUMBER, 2, 0, 0);
	aml_io(aml, PORT_PCI_CONFIG, 8);
	if (config->has_ide || config->has_firmware) /* ports of IDE, or of the chipset */
		aml_window(aml, AML_IO, 2, 0, PORT_PCI_CONFIG - 1);
	aml_window(aml, AML_IO, 2, PORT_PCI_IO, PORT_PCI_IO + PORT_PCI_IO_SIZE - 1);
	aml_window(aml, AML_MEMORY, 4, LAYOUT_PCI_MEM32,
		   LAYOUT_PCI_MEM32 + LAYOUT_PCI_MEM32_SIZE - 1);
	if (config->has_firmware) /* which places BARs up to the I/O APIC */
		aml_window(aml, AML_MEMORY, 4, LAYOUT_VIRTIO_MMIO_END, LAYOUT_IOAPIC - 1);
	if (config->pci_mem64_size)
		aml_window(aml, AML_MEMORY, 8, config->pci_mem64,
			   config->pci_mem64 + config->pci_mem64_size - 1);
	aml_end(aml);
}

static void describe_routes(struct aml *aml, const struct tables_config *config,
			    bool to_pics)
{
	aml_package(aml, (uint8_t)config->nr_pci_interrupts);
	for (unsigned i = 0; i < config->nr_pci_interrupts; i++) {
		aml_package(aml, 4);
		aml_integer(aml, (uint32_t)config->pci_interrupts[i].device << 16 |
					 0xffff); /* all functions */
		aml_integer(aml, config->pci_interrupts[i].pin);
		aml_integer(aml, 0);
		aml_integer(aml, to_pics ? config->pci_interrupts[i].isa
					 : config->pci_interrupts[i].gsi);
		aml_end(aml);
	}
	aml_end(aml);
}

/*
 * _PRT (6.2.13): each pin of a device leads straight to a pin of the I/O APIC. With
 * firmware it leads to the PICs as well, and the kernel has told by _PIC which it uses.
 */
static void describe_pci_interrupts(struct aml *aml, const struct tables_config *config)
{
	if (!config->has_firmware) {
		aml_name(aml, "_PRT");
		describe_routes(aml, config, false);
		return;
	}
	aml_method(aml, "_PRT", 0);
	aml_if(aml, "\\APIC");
	aml_return(aml);
	describe_routes(aml, config, false);
	aml_end(aml);
	aml_return(aml);
	describe_routes(aml, config, true);
	aml_end(aml);
}

/* _PIC (5.8.1): 0 is said, or nothing, for PICs, 1 for the I/O APIC. */
static void describe_interrupt_model(struct aml *aml)
{
	aml_name(aml, "\\APIC");
	aml_integer(aml, 0);
	aml_method(aml, "\\_PIC", 1);
	aml_store_argument(aml, 0, "\\APIC");
	aml_end(aml);
}

/*
 * The host bridge. _OSC answers with what it was asked for: the system may control
 * all features of PCI Express, since nobody else does (6.2.11).
 */
static void describe_pci(struct aml *aml, const struct tables_config *config)
{
	aml_device(aml, "PCI0");
	aml_name(aml, "_HID");
	aml_eisaid(aml, "PNP0A08"); /* PCI Express */
	aml_name(aml, "_CID");
	aml_eisaid(aml, "PNP0A03"); /* PCI */
	aml_name(aml, "_UID");
	aml_integer(aml, 0);
	aml_name(aml, "_BBN");
	aml_integer(aml, 0);
	aml_method(aml, "_OSC", 4);
	aml_return(aml);
	aml_argument(aml, 3);
	aml_end(aml);
	describe_pci_windows(aml, config);
	describe_pci_interrupts(aml, config);
	aml_end(aml);

	/* What MCFG speaks of must be claimed by such a device (PCI Firmware 3.0, 4.1.2). */
	aml_device(aml, "ECAM");
	aml_name(aml, "_HID");
	aml_eisaid(aml, "PNP0C02"); /* resources of the motherboard */
	aml_name(aml, "_CRS");
	aml_resources(aml);
	aml_memory32(aml, LAYOUT_ECAM, LAYOUT_ECAM_SIZE);
	aml_end(aml);
	aml_end(aml);
}

static void describe_virtio_mmio(struct aml *aml, const struct tables_config *config,
				 unsigned index)
{
	static const char digits[] = "0123456789ABCDEF";
	char name[] = "VR00";

	name[2] = digits[index / 16 % 16];
	name[3] = digits[index % 16];
	aml_device(aml, name);
	aml_name(aml, "_HID");
	aml_string(aml, "LNRO0005"); /* what Linux knows virtio-mmio by */
	aml_name(aml, "_UID");
	aml_integer(aml, index);
	aml_name(aml, "_CRS");
	aml_resources(aml);
	aml_memory32(aml, config->virtio_mmio[index].base,
		     config->virtio_mmio[index].size);
	aml_interrupt(aml, config->virtio_mmio[index].gsi, AML_LEVEL | AML_SHARED);
	aml_end(aml);
	aml_end(aml);
}

const struct acpi_header *acpi_build_dsdt(struct tables_area *area,
					  const struct tables_config *config,
					  struct err *err)
{
	struct acpi_header *header =
		tables_take(area, sizeof(*header), 8, "ACPI DSDT", err);
	struct aml aml;
	size_t length;
	unsigned i;

	if (!header)
		return NULL;
	aml_init(&aml, area->data + area->used, area->size - area->used);
	describe_soft_off(&aml);
	if (config->has_firmware)
		describe_interrupt_model(&aml);
	aml_scope(&aml, "\\_SB");
	for (i = 0; i < config->nr_uarts; i++)
		describe_uart(&aml, i, config->uarts[i].port, config->uarts[i].irq);
	describe_rtc(&aml);
	if (config->has_firmware || config->has_screen)
		describe_keyboard_and_mouse(&aml);
	if (config->has_firmware)
		describe_fw_cfg(&aml);
	if (config->has_floppy)
		describe_floppy(&aml);
	if (config->has_pci)
		describe_pci(&aml, config);
	for (i = 0; i < config->nr_virtio_mmio; i++)
		describe_virtio_mmio(&aml, config, i);
	aml_end(&aml);
	if (aml_finish(&aml, &length, err) < 0) {
		err_prefix(err, "ACPI DSDT in a table area of %zu bytes: ", area->size);
		return NULL;
	}

	area->used += length;
	acpi_header_init(header, "DSDT", 2, sizeof(*header) + length);
	acpi_header_finish(area, header);
	return header;
}
