/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ISA bridge and the power management of the PIIX.
 *
 * A PIRQ# is a level, and so is the ISA interrupt that it is led to, for which ELCR
 * (KVM's) must say so. Several PIRQ# may share one. All lines are worked out anew at each
 * change, and the ones that differ are driven.
 *
 * Of power management only what firmware reads is there. PMBASE is fixed: it lies where
 * firmware would put it anyway. DEVACTB says that SMIs are set up already: there is no SMM.
 */
#include <string.h>

#include "dev/piix.h"

#define PIRQRC          0x60 /* PIRQRCA to PIRQRCD (82371SB, 2.3.8) */
#define PIRQRC_OFF      0x80u
#define PIRQRC_IRQ      0x0fu
#define PIRQRC_WRITABLE (PIRQRC_OFF | PIRQRC_IRQ)

#define PMBASE           0x40 /* 82371AB, 7.1 */
#define PMBASE_IS_IO     1u
#define DEVACTB          0x58
#define DEVACTB_APMC_EN  0x02000000u
#define PMREGMISC        0x80
#define PMREGMISC_PMIOSE 1u

static const struct pci_ids isa_ids = {
	.vendor = 0x8086,
	.device = 0x7000,
	.subsystem_vendor = 0x1af4,
	.subsystem = 0x1100,
	.class_code = 0x060100,
};

static const struct pci_ids pm_ids = {
	.vendor = 0x8086,
	.device = 0x7113,
	.subsystem_vendor = 0x1af4,
	.subsystem = 0x1100,
	.revision = 3,
	.class_code = 0x068000,
	.interrupt_pin = true,
};

static uint16_t wanted(const struct piix_isa *isa)
{
	uint16_t levels = 0;

	for (unsigned i = 0; i < PIIX_PIRQS; i++) {
		const unsigned irq = isa->routes[i] & PIRQRC_IRQ;

		if (isa->pirqs[i] && !(isa->routes[i] & PIRQRC_OFF) &&
		    piix_can_route(irq))
			levels |= (uint16_t)(1u << irq);
	}
	return levels;
}

/* The lock is held. */
static void drive(struct piix_isa *isa)
{
	const uint16_t levels = wanted(isa), changed = levels ^ isa->driven;

	isa->driven = levels;
	for (unsigned i = 0; i < PIIX_ISA_IRQS; i++) {
		if (changed >> i & 1)
			irq_set(&isa->irqs[i], levels >> i & 1);
	}
}

static void update(struct piix_isa *isa)
{
	pthread_mutex_lock(&isa->lock);
	memcpy(isa->routes, &isa->function.config[PIRQRC], sizeof(isa->routes));
	drive(isa);
	pthread_mutex_unlock(&isa->lock);
}

static void pirqrc_written(void *dev, unsigned offset, unsigned size)
{
	(void)offset;
	(void)size;
	update(dev);
}

void piix_isa_init(struct piix_isa *isa, const struct irq_line irqs[PIIX_ISA_IRQS])
{
	struct pci_function *function = &isa->function;

	*isa = (struct piix_isa){ 0 };
	pthread_mutex_init(&isa->lock, NULL);
	memcpy(isa->irqs, irqs, sizeof(isa->irqs));
	pci_function_init(function, &isa_ids, "piix3");
	memset(&function->config[PIRQRC], PIRQRC_OFF, PIIX_PIRQS);
	memset(&function->writable[PIRQRC], PIRQRC_WRITABLE, PIIX_PIRQS);
	memset(isa->routes, PIRQRC_OFF, PIIX_PIRQS);
	function->hook_offset = PIRQRC;
	function->hook_size = PIIX_PIRQS;
	function->config_write = pirqrc_written;
	function->dev = isa;
}

void piix_isa_destroy(struct piix_isa *isa)
{
	pthread_mutex_destroy(&isa->lock);
}

void piix_isa_reset(struct piix_isa *isa)
{
	update(isa);
}

void piix_set_pirq(struct piix_isa *isa, unsigned pirq, bool level)
{
	pthread_mutex_lock(&isa->lock);
	isa->pirqs[pirq] = level;
	drive(isa);
	pthread_mutex_unlock(&isa->lock);
}

int piix_isa_save(const struct piix_isa *isa, struct state_writer *writer,
		  struct err *err)
{
	/* Who pulls a PIRQ# is in the state of the functions that do. */
	return pci_function_save(&isa->function, writer, err);
}

int piix_isa_load(struct piix_isa *isa, struct bytes image, struct err *err)
{
	if (pci_function_load(&isa->function, image, err))
		return -1;
	update(isa);
	return 0;
}

void piix_pm_init(struct piix_pm *pm, uint16_t ports)
{
	struct pci_function *function = &pm->function;

	pci_function_init(function, &pm_ids, "piix4-pm");
	store_le32(&function->config[PMBASE], ports | PMBASE_IS_IO);
	store_le32(&function->config[DEVACTB], DEVACTB_APMC_EN);
	function->writable[PMREGMISC] = PMREGMISC_PMIOSE;
}
