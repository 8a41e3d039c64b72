/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The IDE function of the PIIX3 (Intel 82371SB, data sheet 290550): two ATA channels at
 * their ports of old, and a bus master that moves their data (see piix_ide.c).
 *
 * The caller holds one mutex for both channels around every function here but init;
 * callbacks run with it held and must not call back.
 */
#ifndef TANE_DEV_PIIX_IDE_H
#define TANE_DEV_PIIX_IDE_H

#include <pthread.h>

#include "core/bus.h"
#include "core/irq.h"
#include "core/platform.h"
#include "dev/ata.h"
#include "dev/pci.h"

#define PIIX_IDE_CHANNELS     2
#define PIIX_IDE_CONTROL_SIZE 1 /* the next port is a floppy controller's */

/* The registers of a channel's bus master, and where it is in its table. */
struct piix_bus_master {
	uint8_t command; /* BMIC */
	uint8_t status;  /* BMIS */
	uint32_t table;  /* BMIDTP */
	uint32_t next;   /* bytes of the table that were read */
	uint32_t address, left;
	uint8_t is_last; /* `address` and `left` are of the last descriptor */
};

struct piix_ide;

struct piix_channel {
	struct ata_channel ata;
	struct piix_bus_master bus_master;
	struct irq_line irq;
	struct piix_ide *ide;
	unsigned number;
};

struct piix_ide {
	struct pci_function pci;
	struct piix_channel channels[PIIX_IDE_CHANNELS];
	/* See struct ata_ops. The data is in channel->regs.buffer. */
	void (*submit)(void *opaque, struct ata_channel *channel,
		       const struct ata_request *request);
	void *opaque;
	struct memory *memory;
};

extern const struct io_ops piix_ide_command_io; /* dev: struct piix_channel; 8 ports */
extern const struct io_ops piix_ide_control_io; /* dev: struct piix_channel; 1 port */

/*
 * Drives are then plugged into channels[].ata, and the function into the bus; `lock` is
 * the mutex that BAR 4 takes. `irqs` are copied.
 */
void piix_ide_init(struct piix_ide *ide, struct memory *memory, pthread_mutex_t *lock,
		   const struct irq_line irqs[PIIX_IDE_CHANNELS],
		   void (*submit)(void *opaque, struct ata_channel *channel,
				  const struct ata_request *request),
		   void *opaque);
/* Have channels with drives decoded, as firmware does. Before the function is plugged. */
void piix_ide_enable_channels(struct piix_ide *ide);
/* Of channels and bus masters; configuration space is pci_bus_reset()'s. */
void piix_ide_reset(struct piix_ide *ide);

/* Sections "NAME.0" and "NAME.1", those of ATA below them, and of the PCI function. */
int piix_ide_save(const struct piix_ide *ide, struct state_writer *writer,
		  const char *name, struct err *err);
int piix_ide_load(struct piix_ide *ide, struct bytes image, const char *name,
		  struct err *err);

#endif
