/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two functions of Intel's PIIX: the ISA bridge of the PIIX3 (82371SB, order no. 290550)
 * and the power management of the PIIX4 (82371AB, order no. 290562).
 *
 * The ISA bridge leads the interrupts of PCI, PIRQA# to PIRQD#, to those of ISA, as four
 * registers say. That is for systems with no I/O APIC, and for firmware. The power
 * management tells firmware where its ports are, and has no ports of its own: those are
 * acpi_pm.c's.
 *
 * Registers: with the bus's lock held. piix_set_pirq(): any thread.
 */
#ifndef TANE_DEV_PIIX_H
#define TANE_DEV_PIIX_H

#include "dev/pci.h"

#define PIIX_PIRQS    4
#define PIIX_ISA_IRQS 16

/* ISA interrupts that a PIRQ# can be led to: 3 to 7, 9 to 12, 14 and 15. */
static inline bool piix_can_route(unsigned irq)
{
	return 0xdef8u >> irq & 1;
}

struct piix_isa {
	struct pci_function function;
	pthread_mutex_t lock;   /* a leaf, held around lines; guards what follows */
	bool pirqs[PIIX_PIRQS]; /* which are pulled */
	uint8_t routes[PIIX_PIRQS];
	uint16_t driven; /* bit n: ISA interrupt n is high */
	struct irq_line irqs[PIIX_ISA_IRQS];
};

struct piix_pm {
	struct pci_function function;
};

/* Set it up; then plug `function` in as function 0. */
void piix_isa_init(struct piix_isa *isa, const struct irq_line irqs[PIIX_ISA_IRQS]);
void piix_isa_destroy(struct piix_isa *isa);
/* After pci_bus_reset(). */
void piix_isa_reset(struct piix_isa *isa);
void piix_set_pirq(struct piix_isa *isa, unsigned pirq, bool level);

/* Section "piix3.pci". On an error nothing has changed. */
int piix_isa_save(const struct piix_isa *isa, struct state_writer *writer,
		  struct err *err);
int piix_isa_load(struct piix_isa *isa, struct bytes image, struct err *err);

/* Set it up; then plug `function` in. The ports of power management begin at `ports`. */
void piix_pm_init(struct piix_pm *pm, uint16_t ports);

#endif
