/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PIIX3's IDE function, in compatibility mode.
 *
 * The command and control blocks of both channels are where a PC/AT has them, as long as
 * the PCI function decodes I/O and IDETIM has the channel enabled. BAR 4 has the
 * registers of two bus masters.
 *
 * A driver writes a table of physical region descriptors (PRDs) into memory, its address
 * to BMIDTP, a command to the drive, and sets SSBM. The bus master reads PRDs one
 * after another, each once, and copies between what they say and the drive's buffer. The
 * table must not cross 64 KiB, so its length is bounded. A descriptor or data that
 * is not in RAM ends the transfer as a master abort does: BMIDEA goes off, the error bit on, and
 * the drive waits until it is reset.
 *
 * The bits of BMIS then say (data sheet, 2.3.2): interrupt alone: all went well; interrupt
 * and active: the table had room for more; neither: it was too short, and the drive waits.
 */
#include <stdio.h>

#include "core/memory.h"
#include "dev/piix_ide.h"
#include "util/bytes.h"

#define VENDOR_INTEL        0x8086
#define DEVICE_82371SB_IDE  0x7010
#define CLASS_IDE_LEGACY_BM 0x010180 /* compatibility mode, bus master */

/* Configuration space */
#define PCI_COMMAND    0x04
#define PCI_COMMAND_IO 0x01
#define IDETIM         0x40 /* 16 bits for each channel */
#define IDETIM_SIZE    4
#define IDETIM_ENABLE  0x80 /* of its high byte */
#define SIDETIM        0x44

/* Registers of a bus master; the second one's are 8 further. */
#define BUS_MASTER_BAR  4
#define BUS_MASTER_SIZE 8u
enum {
	BMIC = 0,
	BMIS = 2,
	BMIDTP = 4,
};

#define BMIC_SSBM  0x01u
#define BMIC_RWCON 0x08u /* to memory */

#define BMIS_BMIDEA  0x01u
#define BMIS_ERROR   0x02u
#define BMIS_IDEINTS 0x04u
#define BMIS_DRIVES  0x60u /* a driver has set them up for DMA */

/* PRD: le32 address, le16 byte count, le16 of which bit 15 marks the last one. */
#define PRD_SIZE       8u
#define PRD_EOT        0x80000000u
#define PRD_COUNT      0x0000fffeu
#define PRD_MAX        0x10000u
#define TABLE_BOUNDARY 0x10000u
#define MEMORY_END     0x100000000ull /* what a PRD can address */

static struct piix_channel *of_ata(struct piix_ide *ide, const struct ata_channel *ata)
{
	return &ide->channels[ata == &ide->channels[1].ata];
}

/* -- the bus master -- */

static void stop(struct piix_bus_master *bm, uint8_t bits)
{
	bm->status &= (uint8_t)~BMIS_BMIDEA;
	bm->status |= bits;
}

/* Read the next PRD. false: there is none. */
static bool next_prd(struct piix_ide *ide, struct piix_bus_master *bm)
{
	const uint32_t limit = TABLE_BOUNDARY - (bm->table & (TABLE_BOUNDARY - 1));
	uint8_t prd[PRD_SIZE];
	uint32_t word;

	if (bm->is_last) {
		stop(bm, 0);
		return false;
	}
	if (!range_within(bm->next, PRD_SIZE, limit) ||
	    !memory_read(ide->memory, (uint64_t)bm->table + bm->next, prd, sizeof(prd))) {
		stop(bm, BMIS_ERROR);
		return false;
	}
	bm->next += PRD_SIZE;
	word = load_le32(prd + 4);
	bm->address = load_le32(prd) & ~1u;
	bm->left = word & PRD_COUNT ? word & PRD_COUNT : PRD_MAX;
	bm->is_last = !!(word & PRD_EOT);
	return true;
}

/* Copy up to `length` bytes of what the present PRD has left. */
static uint32_t copy(struct piix_ide *ide, struct piix_bus_master *bm, void *data,
		     uint32_t length, bool to_memory)
{
	const uint32_t n = length < bm->left ? length : bm->left;

	if (!range_within(bm->address, n, MEMORY_END) ||
	    !(to_memory ? memory_write(ide->memory, bm->address, data, n)
			: memory_read(ide->memory, bm->address, data, n))) {
		stop(bm, BMIS_ERROR);
		return 0;
	}
	bm->address += n;
	bm->left -= n;
	return n;
}

static uint32_t dma(void *opaque, struct ata_channel *ata, void *data, uint32_t length,
		    bool to_memory)
{
	struct piix_ide *ide = opaque;
	struct piix_bus_master *bm = &of_ata(ide, ata)->bus_master;

	if (!(bm->status & BMIS_BMIDEA))
		return 0;
	/* The drive goes one way, the bus master shall go the other, or may not go. */
	if (to_memory != !!(bm->command & BMIC_RWCON) || !pci_is_bus_master(&ide->pci)) {
		stop(bm, BMIS_ERROR);
		return 0;
	}
	if (bm->left == 0 && !next_prd(ide, bm))
		return 0;
	return copy(ide, bm, data, length, to_memory);
}

/* It stays active if the table had room for more. */
static void dma_done(void *opaque, struct ata_channel *ata)
{
	struct piix_bus_master *bm = &of_ata(opaque, ata)->bus_master;

	if (bm->is_last && bm->left == 0)
		stop(bm, 0);
}

static void submit(void *opaque, struct ata_channel *ata,
		   const struct ata_request *request)
{
	struct piix_ide *ide = opaque;

	ide->submit(ide->opaque, ata, request);
}

static const struct ata_ops ata_ops = {
	.submit = submit,
	.dma = dma,
	.dma_done = dma_done,
};

static void set_intrq(void *opaque, bool level)
{
	struct piix_channel *channel = opaque;

	if (level)
		channel->bus_master.status |= BMIS_IDEINTS;
	irq_set(&channel->irq, level);
}

static void write_command(struct piix_channel *channel, uint8_t value)
{
	struct piix_bus_master *bm = &channel->bus_master;
	const bool was_set = bm->command & BMIC_SSBM;

	/* The direction stays as it is while it moves data. */
	if (bm->status & BMIS_BMIDEA)
		value = (uint8_t)((value & ~BMIC_RWCON) | (bm->command & BMIC_RWCON));
	bm->command = value & (BMIC_SSBM | BMIC_RWCON);
	if (!(value & BMIC_SSBM)) {
		stop(bm, 0);
	} else if (!was_set) {
		bm->status |= BMIS_BMIDEA;
		bm->next = bm->left = 0;
		bm->is_last = 0;
		ata_dma_ready(&channel->ata);
	}
}

static void write_status(struct piix_bus_master *bm, uint8_t value)
{
	const uint8_t cleared = value & (BMIS_ERROR | BMIS_IDEINTS);

	bm->status &= (uint8_t) ~(cleared | BMIS_DRIVES);
	bm->status |= value & BMIS_DRIVES;
}

static uint8_t read_register(const struct piix_bus_master *bm, unsigned offset)
{
	switch (offset) {
	case BMIC:
		return bm->command;
	case BMIS:
		return bm->status;
	case BMIDTP ... BMIDTP + 3:
		return (uint8_t)(bm->table >> 8 * (offset - BMIDTP));
	default:
		return 0;
	}
}

static void write_register(struct piix_channel *channel, unsigned offset, uint8_t value)
{
	struct piix_bus_master *bm = &channel->bus_master;
	const unsigned shift = 8 * (offset - BMIDTP);

	switch (offset) {
	case BMIC:
		write_command(channel, value);
		break;
	case BMIS:
		write_status(bm, value);
		break;
	case BMIDTP ... BMIDTP + 3:
		/* The table of a transfer under way stays where it is. */
		if (bm->status & BMIS_BMIDEA)
			break;
		bm->table = (bm->table & ~(0xffu << shift)) | (uint32_t)value << shift;
		bm->table &= ~3u;
		break;
	default:
		break;
	}
}

static uint64_t bus_master_read(void *dev, uint64_t offset, unsigned size)
{
	struct piix_ide *ide = dev;
	uint64_t value = 0;

	for (unsigned i = 0; i < size; i++, offset++) {
		const struct piix_channel *channel =
			&ide->channels[offset / BUS_MASTER_SIZE % PIIX_IDE_CHANNELS];

		value |= (uint64_t)read_register(&channel->bus_master,
						 offset % BUS_MASTER_SIZE)
			 << 8 * i;
	}
	return value;
}

static void bus_master_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct piix_ide *ide = dev;

	for (unsigned i = 0; i < size; i++, offset++)
		write_register(
			&ide->channels[offset / BUS_MASTER_SIZE % PIIX_IDE_CHANNELS],
			offset % BUS_MASTER_SIZE, (uint8_t)(value >> 8 * i));
}

static const struct io_ops bus_master_io = {
	.read = bus_master_read,
	.write = bus_master_write,
	.max_size = 4,
};

/* -- the ports of the channels -- */

/* A byte of configuration space, which the bus's lock guards, in one piece. */
static uint8_t config_byte(const struct piix_ide *ide, unsigned offset)
{
	return __atomic_load_n(&ide->pci.config[offset], __ATOMIC_RELAXED);
}

static bool is_decoded(const struct piix_channel *channel)
{
	return (config_byte(channel->ide, PCI_COMMAND) & PCI_COMMAND_IO) &&
	       (config_byte(channel->ide, IDETIM + 2 * channel->number + 1) &
		IDETIM_ENABLE);
}

static uint64_t command_read(void *dev, uint64_t offset, unsigned size)
{
	struct piix_channel *channel = dev;

	if (!is_decoded(channel))
		return ~0ull;
	return ata_read(&channel->ata, (unsigned)offset, size);
}

static void command_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct piix_channel *channel = dev;

	if (is_decoded(channel))
		ata_write(&channel->ata, (unsigned)offset, size, value);
}

static void command_read_string(void *dev, uint64_t offset, unsigned size, unsigned count,
				void *data)
{
	struct piix_channel *channel = dev;

	if (offset == ATA_DATA && is_decoded(channel)) {
		ata_data_in(&channel->ata, data, size, count);
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		const uint64_t value = command_read(dev, offset, size);

		__builtin_memcpy((uint8_t *)data + (size_t)i * size, &value, size);
	}
}

static void command_write_string(void *dev, uint64_t offset, unsigned size,
				 unsigned count, const void *data)
{
	struct piix_channel *channel = dev;

	if (offset == ATA_DATA && is_decoded(channel)) {
		ata_data_out(&channel->ata, data, size, count);
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		uint64_t value = 0;

		__builtin_memcpy(&value, (const uint8_t *)data + (size_t)i * size, size);
		command_write(dev, offset, size, value);
	}
}

const struct io_ops piix_ide_command_io = {
	.read = command_read,
	.write = command_write,
	.read_string = command_read_string,
	.write_string = command_write_string,
	.max_size = 4,
};

static uint64_t control_read(void *dev, uint64_t offset, unsigned size)
{
	const struct piix_channel *channel = dev;

	(void)offset;
	(void)size;
	return is_decoded(channel) ? ata_alternate_status(&channel->ata) : 0xff;
}

static void control_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct piix_channel *channel = dev;

	(void)offset;
	(void)size;
	if (is_decoded(channel))
		ata_control(&channel->ata, (uint8_t)value);
}

const struct io_ops piix_ide_control_io = {
	.read = control_read,
	.write = control_write,
	.max_size = 1,
};

/* -- life -- */

void piix_ide_init(struct piix_ide *ide, struct memory *memory, pthread_mutex_t *lock,
		   const struct irq_line irqs[PIIX_IDE_CHANNELS],
		   void (*submit_fn)(void *opaque, struct ata_channel *channel,
				     const struct ata_request *request),
		   void *opaque)
{
	static const struct pci_ids ids = {
		.vendor = VENDOR_INTEL,
		.device = DEVICE_82371SB_IDE,
		.class_code = CLASS_IDE_LEGACY_BM,
	};
	const struct pci_bar bar = {
		.kind = PCI_BAR_IO,
		.size = PIIX_IDE_CHANNELS * BUS_MASTER_SIZE,
		.name = "ide-bus-master",
		.ops = &bus_master_io,
		.dev = ide,
		.lock = lock,
	};

	ide->memory = memory;
	ide->submit = submit_fn;
	ide->opaque = opaque;
	pci_function_init(&ide->pci, &ids, "ide");
	pci_function_add_bar(&ide->pci, BUS_MASTER_BAR, &bar);
	/* Timings are kept and have no effect. */
	for (unsigned i = IDETIM; i <= SIDETIM; i++)
		ide->pci.writable[i] = 0xff;
	for (unsigned i = 0; i < PIIX_IDE_CHANNELS; i++) {
		struct piix_channel *channel = &ide->channels[i];
		const struct irq_line intrq = { set_intrq, channel };

		*channel = (struct piix_channel){
			.irq = irqs[i],
			.ide = ide,
			.number = i,
		};
		ata_channel_init(&channel->ata, &ata_ops, &intrq, ide);
	}
}

void piix_ide_enable_channels(struct piix_ide *ide)
{
	for (unsigned i = 0; i < PIIX_IDE_CHANNELS; i++) {
		if (!ata_channel_is_empty(&ide->channels[i].ata))
			ide->pci.config[IDETIM + 2 * i + 1] |= IDETIM_ENABLE;
	}
}

void piix_ide_reset(struct piix_ide *ide)
{
	for (unsigned i = 0; i < PIIX_IDE_CHANNELS; i++) {
		ata_channel_reset(&ide->channels[i].ata);
		ide->channels[i].bus_master = (struct piix_bus_master){ 0 };
	}
}

/* -- saved state -- */

static const struct state_field fields[] = {
	STATE_FIELD(struct piix_bus_master, command),
	STATE_FIELD(struct piix_bus_master, status),
	STATE_FIELD(struct piix_bus_master, table),
	STATE_FIELD(struct piix_bus_master, next),
	STATE_FIELD(struct piix_bus_master, address),
	STATE_FIELD(struct piix_bus_master, left),
	STATE_FIELD(struct piix_bus_master, is_last),
};

static const struct state_layout layout = {
	.version = 1,
	.nr_fields = sizeof(fields) / sizeof(fields[0]),
	.fields = fields,
};

#define MAX_SECTION 64

int piix_ide_save(const struct piix_ide *ide, struct state_writer *writer,
		  const char *name, struct err *err)
{
	char section[MAX_SECTION];

	if (pci_function_save(&ide->pci, writer, err))
		return -1;
	for (unsigned i = 0; i < PIIX_IDE_CHANNELS; i++) {
		snprintf(section, sizeof(section), "%s.%u", name, i);
		if (state_save(writer, section, &layout, &ide->channels[i].bus_master,
			       err))
			return -1;
		snprintf(section, sizeof(section), "%s.%u.ata", name, i);
		if (ata_channel_save(&ide->channels[i].ata, writer, section, err))
			return -1;
	}
	return 0;
}

static bool is_possible(const struct piix_bus_master *bm)
{
	return !(bm->command & ~(BMIC_SSBM | BMIC_RWCON)) &&
	       !(bm->status & ~(BMIS_BMIDEA | BMIS_ERROR | BMIS_IDEINTS | BMIS_DRIVES)) &&
	       (bm->command & BMIC_SSBM || !(bm->status & BMIS_BMIDEA)) &&
	       !(bm->table & 3) && !(bm->next % PRD_SIZE) && bm->next <= TABLE_BOUNDARY &&
	       bm->left <= PRD_MAX && bm->is_last <= 1;
}

static int load_channel(struct piix_channel *channel, struct bytes image,
			const char *name, struct err *err)
{
	struct piix_bus_master bm = { 0 };
	char section[MAX_SECTION];

	snprintf(section, sizeof(section), "%s.%u", name, channel->number);
	if (state_load(image, section, &layout, &bm, err))
		return -1;
	if (!is_possible(&bm))
		return state_err_impossible(err, section);
	snprintf(section, sizeof(section), "%s.%u.ata", name, channel->number);
	if (ata_channel_load(&channel->ata, image, section, err))
		return -1;
	/* Behind that, which may have raised INTRQ. */
	channel->bus_master = bm;
	return 0;
}

int piix_ide_load(struct piix_ide *ide, struct bytes image, const char *name,
		  struct err *err)
{
	for (unsigned i = 0; i < PIIX_IDE_CHANNELS; i++) {
		if (load_channel(&ide->channels[i], image, name, err))
			return -1;
	}
	return pci_function_load(&ide->pci, image, err);
}
