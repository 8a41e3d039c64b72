/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From IDE drives to disk images, and back.
 *
 *	vCPU	a register function of the chip asks for a request: on_submit()
 *	loop	start_requests(): block_submit(), block_kick()
 *	loop	done() -> ata_io_done(), which may ask for the next one
 *
 * One mutex guards the chip. The block layer is called without it. Data goes through the
 * buffer of the channel, which is ours, so an image never reaches guest memory by
 * itself: what is left over of a request after a reset harms nobody.
 *
 * All drives share one loop, since IDE is not for speed: a thread of its own, or with
 * --io-threads 0 one inside the main loop.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/ide.h"
#include "block/block.h"
#include "core/io_thread.h"
#include "core/platform.h"
#include "dev/piix_ide.h"

#define COMMAND_PORTS        \
	{                    \
		0x1f0, 0x170 \
	}
#define CONTROL_PORTS        \
	{                    \
		0x3f6, 0x376 \
	}

#define NR_DRIVES (PIIX_IDE_CHANNELS * ATA_DRIVES)

/* How long requests in flight may take before we give up on them. */
#define DRAIN_TIMEOUT_MS 5000

/* The thread is called "io 16": those of virtio have the numbers below. */
#define THREAD_NUMBER CONFIG_MAX_IO_THREADS

struct ide_drive {
	const struct config_disk *disk; /* NULL: there is no such drive */
	struct block *block;
	unsigned warnings;
};

struct ide_channel {
	struct ide *ide;
	struct ata_request request;
	bool is_wanted; /* the request waits for the loop */
	struct block_request io;
	struct iovec iov;
};

struct ide {
	struct piix_ide chip;
	pthread_mutex_t lock; /* guards the chip, and is_wanted and request of channels */
	pthread_cond_t settled;
	bool is_completing; /* in ata_io_done(): the loop looks for requests anyway */
	struct ide_channel channels[PIIX_IDE_CHANNELS];
	struct ide_drive drives[NR_DRIVES]; /* master, slave of the first channel, ... */
	struct io_thread io;
	struct loop_event submitted;
};

/* -- requests -- */

static void on_submit(void *opaque, struct ata_channel *ata,
		      const struct ata_request *request)
{
	struct ide *ide = opaque;
	struct ide_channel *channel = &ide->channels[ata != &ide->chip.channels[0].ata];

	channel->request = *request;
	channel->is_wanted = true;
	if (!ide->is_completing)
		loop_event_signal(&ide->submitted);
}

static unsigned number_of(const struct ide_channel *channel)
{
	return (unsigned)(channel - channel->ide->channels);
}

static struct ide_drive *drive_of(struct ide_channel *channel)
{
	return &channel->ide->drives[number_of(channel) * ATA_DRIVES +
				     channel->request.drive];
}

static void warn(struct ide_drive *drive, const struct block_request *io, int error)
{
	static const char *const names[] = {
		[BLOCK_READ] = "read",
		[BLOCK_WRITE] = "write",
		[BLOCK_FLUSH] = "flush",
	};

	platform_warn(
		&drive->warnings,
		"%s \"%s\": %s of %llu bytes at %llu: %s; the guest gets an I/O error",
		config_disk_kind(drive->disk), drive->disk->path, names[io->op],
		(unsigned long long)io->length, (unsigned long long)io->offset,
		strerror(error));
}

static void done(struct block_request *io, int error)
{
	struct ide_channel *channel =
		(void *)((char *)io - offsetof(struct ide_channel, io));
	struct ata_channel *ata = &channel->ide->chip.channels[number_of(channel)].ata;
	struct ide *ide = channel->ide;

	/* A read-only image refuses writes without a word: that is no trouble of the host's. */
	if (error && error != EROFS)
		warn(drive_of(channel), io, error);
	pthread_mutex_lock(&ide->lock);
	ide->is_completing = true;
	ata_io_done(ata, error);
	ide->is_completing = false;
	pthread_cond_broadcast(&ide->settled);
	pthread_mutex_unlock(&ide->lock);
}

static void start(struct ide_channel *channel, const struct ata_request *request)
{
	static const enum block_op ops[] = {
		[ATA_IO_READ] = BLOCK_READ,
		[ATA_IO_WRITE] = BLOCK_WRITE,
		[ATA_IO_FLUSH] = BLOCK_FLUSH,
	};
	struct block *block = drive_of(channel)->block;

	channel->iov = (struct iovec){
		.iov_base =
			channel->ide->chip.channels[number_of(channel)].ata.regs.buffer,
		.iov_len = request->length,
	};
	channel->io = (struct block_request){
		.op = ops[request->op],
		.offset = request->offset,
		.length = request->length,
		.iov = request->length ? &channel->iov : NULL,
		.nr_iov = request->length ? 1 : 0,
		.done = done,
	};
	if (request->op == ATA_IO_WRITE && block_info(block)->read_only) {
		done(&channel->io, EROFS);
		return;
	}
	block_submit(block, &channel->io);
	block_kick(block);
}

static bool take_request(struct ide_channel *channel, struct ata_request *request)
{
	bool is_wanted;

	pthread_mutex_lock(&channel->ide->lock);
	is_wanted = channel->is_wanted;
	channel->is_wanted = false;
	*request = channel->request;
	pthread_mutex_unlock(&channel->ide->lock);
	return is_wanted;
}

/* On the loop. */
static void start_requests(void *opaque)
{
	struct ide *ide = opaque;
	struct ata_request request;

	for (unsigned i = 0; i < PIIX_IDE_CHANNELS; i++) {
		if (take_request(&ide->channels[i], &request))
			start(&ide->channels[i], &request);
	}
}

/* -- drives -- */

static int check_image(const struct config_disk *disk, const struct block_info *info,
		       struct err *err)
{
	const uint64_t unit = disk->cdrom ? ATA_CD_SECTOR : ATA_SECTOR;

	if (info->logical_block_size > unit)
		return err_set(err,
			       "%s \"%s\": its blocks have %u bytes, and those of IDE "
			       "%llu: use if=virtio",
			       config_disk_kind(disk), disk->path,
			       info->logical_block_size, (unsigned long long)unit);
	if (info->size < unit)
		return err_set(err, "%s \"%s\": it is smaller than a sector, %llu bytes",
			       config_disk_kind(disk), disk->path,
			       (unsigned long long)unit);
	return 0;
}

static int plug_drive(struct ide *ide, unsigned number, const struct config_disk *disk,
		      struct err *err)
{
	struct piix_channel *channel = &ide->chip.channels[number / ATA_DRIVES];
	struct ide_drive *drive = &ide->drives[number];
	struct ata_identity identity;
	const struct block_info *info;

	drive->disk = disk;
	drive->warnings = PLATFORM_WARNINGS;
	drive->block = block_open(disk, &ide->io.loop, err);
	if (!drive->block)
		return -1;
	info = block_info(drive->block);
	if (check_image(disk, info, err))
		return -1;
	block_on_batch(drive->block, start_requests, ide);
	identity = (struct ata_identity){
		.kind = disk->cdrom ? ATA_CDROM : ATA_DISK,
		.sectors = info->size / (disk->cdrom ? ATA_CD_SECTOR : ATA_SECTOR),
		.physical_block_size = info->physical_block_size,
		.serial = disk->id,
	};
	ata_channel_plug(&channel->ata, number % ATA_DRIVES, &identity);
	return 0;
}

/* The next one takes the first free place of an order. */
static unsigned take_place(unsigned *taken, const uint8_t order[NR_DRIVES])
{
	unsigned i = 0;

	while (i < NR_DRIVES - 1 && (*taken & 1u << order[i]))
		i++;
	*taken |= 1u << order[i];
	return order[i];
}

/*
 * The first CD-ROM is the secondary master, as everywhere; then come the disks, from the
 * first channel on, and last the other CD-ROMs. So no slave is without a master.
 */
unsigned ide_place(const struct vm_config *config, unsigned index)
{
	static const uint8_t disks[] = { 0, 1, 2, 3 }, cdroms[] = { 2, 3, 0, 1 };
	unsigned taken = 0;

	for (unsigned pass = 0; pass < 3; pass++) {
		unsigned nr_cdroms = 0;

		for (unsigned i = 0; i < config->nr_disks; i++) {
			const struct config_disk *disk = &config->disks[i];
			unsigned turn = 1, place;

			if (disk->interface != DISK_IDE)
				continue;
			if (disk->cdrom)
				turn = nr_cdroms++ ? 2 : 0;
			if (turn != pass)
				continue;
			place = take_place(&taken, disk->cdrom ? cdroms : disks);
			if (i == index)
				return place;
		}
	}
	return 0;
}

static int plug_drives(struct ide *ide, const struct vm_config *config, struct err *err)
{
	for (unsigned i = 0; i < config->nr_disks; i++) {
		const struct config_disk *disk = &config->disks[i];

		if (disk->interface == DISK_IDE &&
		    plug_drive(ide, ide_place(config, i), disk, err))
			return -1;
	}
	return 0;
}

/* -- life -- */

static int add_ports(struct ide *ide, struct bus *bus, struct err *err)
{
	static const uint16_t commands[] = COMMAND_PORTS, controls[] = CONTROL_PORTS;

	for (unsigned i = 0; i < PIIX_IDE_CHANNELS; i++) {
		const struct bus_range command = {
			.base = commands[i],
			.size = ATA_COMMAND_BLOCK_SIZE,
			.name = i ? "ide-1" : "ide-0",
			.ops = &piix_ide_command_io,
			.dev = &ide->chip.channels[i],
			.lock = &ide->lock,
		};
		const struct bus_range control = {
			.base = controls[i],
			.size = PIIX_IDE_CONTROL_SIZE,
			.name = i ? "ide-1-control" : "ide-0-control",
			.ops = &piix_ide_control_io,
			.dev = &ide->chip.channels[i],
			.lock = &ide->lock,
		};

		if (bus_add(bus, BUS_PIO, &command, err) ||
		    bus_add(bus, BUS_PIO, &control, err))
			return -1;
	}
	return 0;
}

/* Beside the ISA bridge, if there is one. */
static int plug_function(struct ide *ide, struct pci_bus *bus, struct err *err)
{
	if (bus->functions[1][0])
		return pci_bus_plug_at(bus, &ide->chip.pci, 1, 1, err);
	return pci_bus_plug(bus, &ide->chip.pci, err);
}

static int build(struct ide *ide, struct vm *vm, struct pci_bus *bus,
		 const struct irq_line irqs[2], struct err *err)
{
	const bool has_thread = vm->config->io_threads != 0;

	piix_ide_init(&ide->chip, &vm->memory, &ide->lock, irqs, on_submit, ide);
	if (io_thread_init(&ide->io, has_thread ? NULL : vm->loop, err) ||
	    loop_event_init(&ide->submitted, &ide->io.loop, start_requests, ide, err) ||
	    plug_drives(ide, vm->config, err))
		return -1;
	piix_ide_enable_channels(&ide->chip);
	if (add_ports(ide, &vm->bus, err) || plug_function(ide, bus, err))
		return -1;
	return io_thread_start(&ide->io, THREAD_NUMBER, err);
}

static void free_all(struct ide *ide)
{
	io_thread_stop(&ide->io);
	for (unsigned i = 0; i < NR_DRIVES; i++)
		block_close(ide->drives[i].block);
	loop_event_destroy(&ide->submitted, &ide->io.loop);
	io_thread_destroy(&ide->io);
	pci_function_destroy(&ide->chip.pci);
	pthread_cond_destroy(&ide->settled);
	pthread_mutex_destroy(&ide->lock);
	free(ide);
}

struct ide *ide_new(struct vm *vm, struct pci_bus *bus, const struct irq_line irqs[2],
		    struct err *err)
{
	struct ide *ide = calloc(1, sizeof(*ide));
	pthread_condattr_t monotonic;

	if (!ide) {
		err_set(err, "no memory for the IDE drives");
		return NULL;
	}
	pthread_mutex_init(&ide->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&ide->settled, &monotonic);
	pthread_condattr_destroy(&monotonic);
	ide->submitted.source.fd = -1;
	for (unsigned i = 0; i < PIIX_IDE_CHANNELS; i++)
		ide->channels[i].ide = ide;
	if (build(ide, vm, bus, irqs, err)) {
		free_all(ide);
		return NULL;
	}
	return ide;
}

static bool is_busy(const struct ide *ide)
{
	return ide->chip.channels[0].ata.io_busy || ide->chip.channels[1].ata.io_busy;
}

/* The lock is held. With a loop inside the main loop, work for it. */
static int wait_a_bit(struct ide *ide, int64_t deadline, struct err *err)
{
	const struct timespec at = {
		.tv_sec = deadline / 1000000000,
		.tv_nsec = deadline % 1000000000,
	};
	const int64_t left = deadline - loop_now();
	int r;

	if (left <= 0)
		return err_set(err, "ide: requests are still in flight");
	if (ide->io.loop.threaded) {
		(void)pthread_cond_timedwait(&ide->settled, &ide->lock, &at);
		return 0;
	}
	pthread_mutex_unlock(&ide->lock);
	r = loop_turn(&ide->io.loop, (int)(left / 1000000) + 1, err);
	pthread_mutex_lock(&ide->lock);
	return r;
}

int ide_reset(struct ide *ide, int timeout_ms, struct err *err)
{
	const int64_t deadline = loop_now() + timeout_ms * 1000000ll;
	int r = 0;

	if (!ide)
		return 0;
	pthread_mutex_lock(&ide->lock);
	/* From here on nothing new is asked for. */
	piix_ide_reset(&ide->chip);
	while (is_busy(ide) && !r)
		r = wait_a_bit(ide, deadline, err);
	if (!r)
		piix_ide_reset(&ide->chip);
	pthread_mutex_unlock(&ide->lock);
	return r;
}

bool ide_free(struct ide *ide)
{
	struct err err;

	if (!ide)
		return true;
	if (ide_reset(ide, DRAIN_TIMEOUT_MS, &err)) {
		/* The host still works on the buffers. */
		fprintf(stderr, "tane: warning: %s\n", err.text);
		io_thread_stop(&ide->io);
		return false;
	}
	free_all(ide);
	return true;
}
