/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The IDE function with a disk and a CD-ROM on each channel: any sequence of accesses to
 * its ports, bus masters and memory, with media that answer late and with errors, and any
 * saved state. A request must lie on the medium, and after a reset all drives work.
 */
#include "chip.h"

#include <errno.h>
#include <pthread.h>

#include "core/memory.h"
#include "dev/piix_ide.h"

#define RAM_SIZE   0x20000u
#define SECTORS    300u /* of 512 bytes */
#define CD_SECTORS 40u

struct rig {
	struct piix_ide ide;
	struct memory memory;
	struct fuzz_irq irqs[PIIX_IDE_CHANNELS];
	bool pending[PIIX_IDE_CHANNELS];
	const struct io_ops *bus_master;
};

static void submit(void *opaque, struct ata_channel *channel,
		   const struct ata_request *request)
{
	struct rig *rig = opaque;
	const unsigned number = channel == &rig->ide.channels[1].ata;
	const struct ata_drive *drive = &channel->drives[request->drive];
	const uint64_t size = drive->kind == ATA_DISK ? SECTORS * 512 : CD_SECTORS * 2048;

	FUZZ_CHECK(!rig->pending[number]);
	FUZZ_CHECK(drive->kind != ATA_NONE);
	FUZZ_CHECK(range_within(request->offset, request->length, size));
	FUZZ_CHECK(request->length <= ATA_BUFFER_SIZE);
	FUZZ_CHECK(request->op == ATA_IO_READ || drive->kind == ATA_DISK);
	FUZZ_CHECK((request->op == ATA_IO_FLUSH) == !request->length);
	rig->pending[number] = true;
}

static void build(struct rig *rig)
{
	static pthread_mutex_t no_lock = PTHREAD_MUTEX_INITIALIZER;
	const struct irq_line irqs[PIIX_IDE_CHANNELS] = {
		{ fuzz_irq_set, &rig->irqs[0] },
		{ fuzz_irq_set, &rig->irqs[1] },
	};
	const struct ata_identity disk = { ATA_DISK, SECTORS, 4096, "fuzz" };
	const struct ata_identity cdrom = { ATA_CDROM, CD_SECTORS, 2048, NULL };
	struct err err;

	FUZZ_CHECK(!memory_add_ram(&rig->memory, 0, RAM_SIZE, &err));
	piix_ide_init(&rig->ide, &rig->memory, &no_lock, irqs, submit, rig);
	for (unsigned i = 0; i < PIIX_IDE_CHANNELS; i++) {
		ata_channel_plug(&rig->ide.channels[i].ata, i, &disk);
		ata_channel_plug(&rig->ide.channels[i].ata, !i, &cdrom);
	}
	piix_ide_enable_channels(&rig->ide);
	rig->ide.pci.config[4] = 0x05; /* I/O, bus master */
	rig->bus_master = rig->ide.pci.bars[4].ops;
}

static void finish(struct rig *rig, unsigned number, int error)
{
	if (!rig->pending[number])
		return;
	rig->pending[number] = false;
	ata_io_done(&rig->ide.channels[number].ata, error);
}

static void reload(struct fuzz_input *input, struct rig *rig)
{
	const unsigned number = (unsigned)fuzz_next(input, 1) % PIIX_IDE_CHANNELS;
	struct ata_channel *channel = &rig->ide.channels[number].ata;
	struct state_writer writer = { 0 };
	struct err err;

	if (rig->pending[number])
		return;
	FUZZ_CHECK(!ata_channel_save(channel, &writer, "u", &err));
	FUZZ_CHECK(!ata_channel_load(channel, (struct bytes){ writer.data, writer.size },
				     "u", &err));
	fuzz_damage(input, &writer);
	(void)ata_channel_load(channel, (struct bytes){ writer.data, writer.size }, "u",
			       &err);
	state_writer_free(&writer);
}

static void reload_all(struct rig *rig)
{
	struct state_writer writer = { 0 };
	struct err err;

	if (rig->pending[0] || rig->pending[1])
		return;
	FUZZ_CHECK(!piix_ide_save(&rig->ide, &writer, "ide", &err));
	state_writer_free(&writer);
}

/* A string instruction, as long as KVM makes them. */
static void access_string(struct fuzz_input *input, struct piix_channel *channel)
{
	const unsigned how = (unsigned)fuzz_next(input, 1);
	const unsigned size = 1u << how % 3, count = 1 + (unsigned)fuzz_next(input, 1);
	uint8_t data[4 * 256] = { 0 };

	for (unsigned i = 0; i < 12; i++)
		data[i] = (uint8_t)fuzz_next(input, 1);
	if (how & 0x80)
		piix_ide_command_io.write_string(channel, 0, size, count, data);
	else
		piix_ide_command_io.read_string(channel, 0, size, count, data);
}

static void write_ram(struct fuzz_input *input, struct rig *rig)
{
	const uint64_t gpa = fuzz_next(input, 2) * 4;
	const uint64_t value = fuzz_next(input, 8);

	(void)memory_write(&rig->memory, gpa, &value, sizeof(value));
}

static void step(struct fuzz_input *input, struct rig *rig)
{
	const unsigned what = (unsigned)fuzz_next(input, 1);
	struct piix_channel *channel = &rig->ide.channels[what >> 7];

	switch (what % 16) {
	case 0:
		reload(input, rig);
		break;
	case 1:
		reload_all(rig);
		break;
	case 2:
		fuzz_access(input, &piix_ide_control_io, channel, 1);
		break;
	case 3:
		access_string(input, channel);
		break;
	case 4:
		write_ram(input, rig);
		break;
	case 5 ... 6:
		finish(rig, what >> 7, 0);
		break;
	case 7:
		finish(rig, what >> 7, EIO);
		break;
	case 8 ... 9:
		fuzz_access(input, rig->bus_master, &rig->ide, 16);
		break;
	case 10: /* a command with all its registers */
		for (unsigned i = 1; i < 8; i++)
			piix_ide_command_io.write(channel, i, 1, fuzz_next(input, 1));
		break;
	default:
		fuzz_access(input, &piix_ide_command_io, channel, 8);
		break;
	}
}

/* Whatever happened: after a reset a disk reads, and a CD-ROM is there. */
static void check_reset(struct rig *rig, unsigned number)
{
	struct piix_channel *channel = &rig->ide.channels[number];
	const unsigned disk = number;

	piix_ide_control_io.write(channel, 0, 1, ATA_CONTROL_SRST);
	piix_ide_control_io.write(channel, 0, 1, 0);
	while (rig->pending[number])
		finish(rig, number, 0);
	piix_ide_command_io.write(channel, ATA_DEVICE, 1, !disk << 4);
	FUZZ_CHECK(piix_ide_command_io.read(channel, ATA_LBA_HIGH, 1) == 0xeb);
	FUZZ_CHECK(piix_ide_command_io.read(channel, ATA_STATUS, 1) == 0);
	piix_ide_command_io.write(channel, ATA_DEVICE, 1, 0xe0 | disk << 4);
	piix_ide_command_io.write(channel, ATA_SECTOR_COUNT, 1, 1);
	piix_ide_command_io.write(channel, ATA_STATUS, 1, 0x20);
	FUZZ_CHECK(rig->pending[number]);
	finish(rig, number, 0);
	FUZZ_CHECK(rig->irqs[number].level);
	FUZZ_CHECK(piix_ide_command_io.read(channel, ATA_STATUS, 1) == 0x58);
	FUZZ_CHECK(!rig->irqs[number].level);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct fuzz_input input = { data, size };

	FUZZ_CHECK(rig);
	build(rig);
	while (input.size)
		step(&input, rig);
	for (unsigned i = 0; i < PIIX_IDE_CHANNELS; i++)
		check_reset(rig, i);
	memory_destroy(&rig->memory);
	free(rig);
	return 0;
}
